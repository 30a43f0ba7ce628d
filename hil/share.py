"""Where a run may not be kept: network shares."""

import contextlib
import sys
from pathlib import Path

from hil.errors import StoreError

KINDS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "ncpfs"}
MOUNTS = Path("/proc/mounts")


def refuse_network_share(folder: Path) -> None:
    """Raise StoreError where *folder* lies on a network share.

    SQLite's write-ahead log needs memory shared between processes, which network file systems do
    not give; a run there could be lost (sqlite.org/wal.html, "Advantages", item 2).
    """
    kind = _network_kind(folder)
    if kind:
        raise StoreError(
            f"{folder} lies on a network share ({kind}), where a run cannot be kept safely; "
            "choose a local folder with --out and copy it afterwards"
        )


def _network_kind(folder: Path) -> str:
    path = folder.resolve()
    if sys.platform == "win32":
        import ctypes

        remote = ctypes.windll.kernel32.GetDriveTypeW(f"{path.anchor}") == 4
        return "Windows" if remote or path.anchor.startswith("\\\\") else ""
    best, kind = "", ""
    with contextlib.suppress(OSError):
        for line in MOUNTS.read_text(encoding="utf-8").splitlines():
            _, mount, fstype, *_ = line.split(" ")
            mount = mount.replace("\\040", " ")
            if path.is_relative_to(mount) and len(mount) >= len(best):
                best, kind = mount, fstype
    return kind if kind in KINDS else ""
