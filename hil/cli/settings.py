"""What ``--set KEY=VALUE``, and options like it, say, for all commands that take them."""

from hil.errors import ConfigError


def pairs(settings: tuple[str, ...], example: str, option: str = "--set") -> dict[str, str]:
    """Give key and value of each; raise ConfigError, with an example, for what is none."""
    wanted = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not (key and equals and text):
            raise ConfigError(f"{option} {setting}: write it as KEY=VALUE, such as {example}")
        wanted[key] = text
    return wanted
