"""What to say when a package is not there: every command of the project says it alike."""


def missing_package(command: str, error: ModuleNotFoundError, purpose: str, extra: str) -> str:
    """A line that names the package and the extra that brings it.

    Args:
        command: Who lacks it; the line begins so.
        error: What the import raised.
        purpose: What the extra is for, such as "serving".
        extra: Its name in ``pyproject.toml``.
    """
    return (
        f"{command}: {error.name} is not installed; expected the extra for {purpose}. "
        f'Install it, in the repository: pip install ".[{extra}]"'
    )
