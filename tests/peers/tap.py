"""TAP lines for the checks of this folder."""
import sys

run = failed = 0


def ok(passed, text):
    global run, failed
    run += 1
    failed += not passed
    print(f"{'ok' if passed else 'not ok'} {run} - {text}", flush=True)


def done():
    print(f"1..{run}")
    sys.exit(failed > 0 or run == 0)
