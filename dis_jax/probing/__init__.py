"""What metrics and probes share: encoding, labelled codes, information, simple models."""
