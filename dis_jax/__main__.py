"""Lets `python -m dis_jax` run the command `dis-jax`."""

from dis_jax.command_line import main

if __name__ == "__main__":
    main()
