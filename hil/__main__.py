"""Lets ``python -m hil`` stand for ``hil``."""

from hil.cli.main import main

if __name__ == "__main__":
    main()
