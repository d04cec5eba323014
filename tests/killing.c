/* A process that is killed at one file operation: `LD_PRELOAD=killing.so KILL_NAME=… KILL_UNDER=… KILL_AT=N KILL_LOG=…`.

   Operations of the process of that name on paths below that folder are counted; before number N it is killed (0: never).
   KILL_SIGNAL is another signal than SIGKILL. Each is written to the log: a first time through tells how many there are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT(name) static __typeof__(&name) next; if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int done;

static void count(const char *what, int fd, const char *name) {
    char comm[32] = "", path[PATH_MAX] = "", link[64], line[PATH_MAX + 64];
    const char *under = getenv("KILL_UNDER"), *wanted = getenv("KILL_NAME"), *at = getenv("KILL_AT"), *log = getenv("KILL_LOG");
    prctl(PR_GET_NAME, comm);
    if (!under || !wanted || !at || strcmp(comm, wanted)) return;
    if (name && *name == '/') snprintf(path, sizeof path, "%s", name);
    else {
        snprintf(link, sizeof link, fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length < 0 ? 0 : length] = 0;
        if (name) { strncat(path, "/", sizeof path - strlen(path) - 1); strncat(path, name, sizeof path - strlen(path) - 1); }
    }
    if (strncmp(path, under, strlen(under))) return;
    done++;
    if (log) {
        int out = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        dprintf(out, "%d %s %s\n", done, what, path);
        close(out);
    }
    if (done == atoi(at)) kill(getpid(), getenv("KILL_SIGNAL") ? atoi(getenv("KILL_SIGNAL")) : SIGKILL);
}

int rename(const char *from, const char *to) { NEXT(rename); count("rename", AT_FDCWD, from); return next(from, to); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { NEXT(renameat2); count("rename", a, from); return next(a, from, b, to, flags); }
int unlink(const char *path) { NEXT(unlink); count("unlink", AT_FDCWD, path); return next(path); }
int unlinkat(int fd, const char *path, int flags) { NEXT(unlinkat); count("unlink", fd, path); return next(fd, path, flags); }
int rmdir(const char *path) { NEXT(rmdir); count("rmdir", AT_FDCWD, path); return next(path); }
int chmod(const char *path, mode_t mode) { NEXT(chmod); count("chmod", AT_FDCWD, path); return next(path, mode); }
int fsync(int fd) { NEXT(fsync); count("fsync", fd, NULL); return next(fd); }
int fdatasync(int fd) { NEXT(fdatasync); count("fdatasync", fd, NULL); return next(fd); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { NEXT(pwrite64); count("write", fd, NULL); return next(fd, data, size, at); }
