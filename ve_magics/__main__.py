"""`python -m ve_magics` is the `ve-magics` command."""

from ve_magics.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
