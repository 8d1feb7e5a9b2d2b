"""`python -m dis_jax` is `dis-jax`."""

from dis_jax.command_line import main

if __name__ == "__main__":
    main()
