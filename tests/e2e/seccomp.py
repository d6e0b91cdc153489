"""A seccomp filter for a child, as containers have it: io_uring_setup fails with EPERM, all else is allowed."""
import ctypes
import errno
import struct

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
IO_URING_SETUP = 425  # the same number on every architecture
RETURN_ERRNO = 0x00050000
RETURN_ALLOW = 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


_FILTER = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in [
    (0x20, 0, 0, 0),                            # load the system call's number
    (0x15, 0, 1, IO_URING_SETUP),               # not this one: skip an instruction
    (0x06, 0, 0, RETURN_ERRNO | errno.EPERM),
    (0x06, 0, 0, RETURN_ALLOW),
]))
_LIBC = ctypes.CDLL(None, use_errno=True)
_PROGRAM = _Program(4, ctypes.addressof(_FILTER))


def refuse_io_uring():
    """To be called in the child, before exec."""
    if _LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    if _LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(_PROGRAM), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")
