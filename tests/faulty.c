/* A disk that fails, for programs started with this library: rules, one a line, in the file that FAULTS names.

   ACT NUMBER PREFIX    for every path that begins with PREFIX:
   read OFFSET          reading at OFFSET or beyond answers EIO
   stale OFFSET         the same with ESTALE
   die OFFSET           the same with a signal (SIGKILL)
   blocks N             st_blocks is N
   size N               st_size of a regular file is N
   link N               st_size of a symbolic link is N
   inode N              st_ino is N, st_nlink 2
   time N               st_mtime is N
   names N              a folder that begins so: reading its names answers EIO after N of them
   xattr ERRNO          attributes cannot be listed
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct { char act[16]; long number; char prefix[1024]; } rules[64];
static int count;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS");
    FILE *file = path ? fopen(path, "r") : NULL;
    while (file && count < 64 &&
           fscanf(file, "%15s %ld %1023[^\n]", rules[count].act, &rules[count].number, rules[count].prefix) == 3)
        count++;
    if (file) fclose(file);
}

static void at_fd(int fd, const char *name, char *path) {
    char link[64];
    ssize_t length = 0;
    *path = 0;
    if (name && *name == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        char *dot = strstr(path, "/./"); /* of `find FOLDER/.` */
        if (dot) memmove(dot, dot + 2, strlen(dot + 2) + 1);
        return;
    }
    if (fd == AT_FDCWD) length = readlink("/proc/self/cwd", path, PATH_MAX - 1);
    else { snprintf(link, sizeof link, "/proc/self/fd/%d", fd); length = readlink(link, path, PATH_MAX - 1); }
    path[length < 0 ? 0 : length] = 0;
    if (name && strncmp(name, "./", 2) == 0) name += 2;
    if (name && *name) { strncat(path, "/", PATH_MAX - strlen(path) - 1); strncat(path, name, PATH_MAX - strlen(path) - 1); }
}

static long rule(const char *act, const char *path) {
    for (int i = 0; i < count; i++)
        if (!strcmp(rules[i].act, act) && !strncmp(path, rules[i].prefix, strlen(rules[i].prefix)))
            return rules[i].number;
    return -1;
}

/* The error of a read at `at`, if it is one; less is read where one begins further on. */
static int fails(int fd, off_t at, size_t *size) {
    char path[PATH_MAX];
    long from;
    if (!count || at < 0) return 0;
    at_fd(fd, NULL, path);
    if ((from = rule("read", path)) >= 0 && at >= from) return EIO;
    if (from > at && at + (off_t)*size > from) *size = from - at;
    if ((from = rule("stale", path)) >= 0 && at >= from) return ESTALE;
    if ((from = rule("die", path)) >= 0 && at >= from) raise(SIGKILL);
    return 0;
}

#define NEXT(name) static __typeof__(&name) next; if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t read(int fd, void *to, size_t size) {
    NEXT(read);
    int error = count ? fails(fd, lseek(fd, 0, SEEK_CUR), &size) : 0;
    if (error) { errno = error; return -1; }
    return next(fd, to, size);
}

/* BusyBox copies with this where it can. */
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) { errno = EINVAL; return -1; }
ssize_t sendfile(int to, int from, off_t *at, size_t size) { errno = EINVAL; return -1; }

static void seen(const char *path, struct stat *now) {
    long number;
    if (S_ISLNK(now->st_mode) && (number = rule("link", path)) >= 0) now->st_size = number;
    if (!S_ISREG(now->st_mode)) return;
    if ((number = rule("blocks", path)) >= 0) now->st_blocks = number;
    if ((number = rule("size", path)) >= 0) now->st_size = number;
    if ((number = rule("inode", path)) >= 0) { now->st_ino = number; now->st_nlink = 2; }
    if ((number = rule("time", path)) >= 0) now->st_mtime = number;
}

#define LOOK(name, args, call, fd, path_) \
    int name args { char path[PATH_MAX]; NEXT(name); int done = next call; \
        if (!done && count) { at_fd(fd, path_, path); seen(path, (struct stat *)to); } return done; }

LOOK(fstatat, (int fd, const char *restrict name, struct stat *restrict to, int flags), (fd, name, to, flags), fd, name)
LOOK(stat, (const char *restrict name, struct stat *restrict to), (name, to), AT_FDCWD, name)
LOOK(lstat, (const char *restrict name, struct stat *restrict to), (name, to), AT_FDCWD, name)
LOOK(fstat, (int fd, struct stat *to), (fd, to), fd, NULL)
LOOK(stat64, (const char *restrict name, struct stat64 *restrict to), (name, to), AT_FDCWD, name)
LOOK(lstat64, (const char *restrict name, struct stat64 *restrict to), (name, to), AT_FDCWD, name)
LOOK(fstat64, (int fd, struct stat64 *to), (fd, to), fd, NULL)

static struct { DIR *folder; long names; } open_folders[256];

static int ends(DIR *folder, const char *name) {
    char path[PATH_MAX];
    long most;
    if (!count || !strcmp(name, ".") || !strcmp(name, "..")) return 0;
    at_fd(dirfd(folder), NULL, path);
    if ((most = rule("names", path)) < 0) return 0;
    int at = 0;
    while (at < 255 && open_folders[at].folder && open_folders[at].folder != folder) at++;
    open_folders[at].folder = folder;
    return open_folders[at].names++ >= most;
}

#define NAMES(name, type) type *name(DIR *folder) { \
    NEXT(name); type *entry = next(folder); \
    if (entry && ends(folder, entry->d_name)) { errno = EIO; return NULL; } return entry; }
NAMES(readdir, struct dirent)
NAMES(readdir64, struct dirent64)

int closedir(DIR *folder) {
    NEXT(closedir);
    for (int at = 0; at < 256; at++)
        if (open_folders[at].folder == folder) { open_folders[at].names = 0; open_folders[at].folder = (DIR *)1; }
    return next(folder);
}

ssize_t flistxattr(int fd, char *list, size_t size) {
    NEXT(flistxattr);
    char path[PATH_MAX];
    long number;
    if (count) { at_fd(fd, NULL, path); if ((number = rule("xattr", path)) >= 0) { errno = number; return -1; } }
    return next(fd, list, size);
}
