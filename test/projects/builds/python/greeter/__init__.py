import getpass
import sys
from importlib.metadata import version


def main() -> None:
    print(f"greeter {version('greeter')} greets {sys.argv[1]} as {getpass.getuser()}")
