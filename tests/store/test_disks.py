"""Which disks may carry a write-ahead log."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from ve_magics.store.disks import mounts, on_network_disk

TABLE = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/me/local xfs rw 0 0
//nas/share /mnt/my\\040share cifs rw 0 0
user@host:/ /mnt/ssh fuse.sshfs rw 0 0
/dev/sdc1 /mnt/ntfs fuseblk rw 0 0
short
"""


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("/var/lib/ve", False),
        ("/home/me/ve", True),
        ("/home", True),
        ("/homes/me", False),
        ("/home/me/local/ve", False),
        ("/mnt/my share/ve", True),
        ("/mnt/ssh/ve", True),
        ("/mnt/ntfs/ve", False),
    ],
)
def test_the_innermost_mount_decides(path: str, shared: bool) -> None:
    """The longest mount point above a path says what disk it is on, spaces in its name included."""
    assert on_network_disk(PurePosixPath(path), TABLE) is shared


def test_a_later_mount_hides_an_earlier_one() -> None:
    """Of two mounts at one point, the later one is seen."""
    assert on_network_disk(PurePosixPath("/a"), "x /a ext4 rw\ny /a nfs rw") is True


def test_a_windows_share_is_a_network_disk() -> None:
    """A UNC path needs no mount table."""
    assert on_network_disk(PurePosixPath(r"\\server\share\ve"), "") is True


def test_no_table_means_a_local_disk() -> None:
    """Where the system has no mount table, the disk is taken for a local one."""
    assert on_network_disk(PurePosixPath("/anything"), "") is False


def test_the_systems_table_can_be_read() -> None:
    """What `mounts` returns is what Linux shows, and nothing elsewhere."""
    assert bool(mounts()) is Path("/proc/mounts").exists()
