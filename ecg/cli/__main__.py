"""``python -m ecg.cli``: the same as ``ecg``."""

from ecg.cli import main

if __name__ == "__main__":
    main(prog_name="ecg")
