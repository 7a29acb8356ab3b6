/* Faults that a test puts under a `watchbell` process by LD_PRELOAD: a wall clock that is wrong, and a disk that is full.
 *
 * Both are steered while the process runs by a file that it maps (WATCHBELL_FAULTS):
 *   bytes 0..8   seconds that the wall clock is ahead of the machine's; may be negative
 *   bytes 8..16  not 0: files below WATCHBELL_FAULTS_DISK get no more bytes
 *   bytes 16..24 how often a write was refused; written here, so that a test can tell that its fault bites
 * Monotonic clocks are never touched. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    _Atomic int64_t clock_ahead;
    _Atomic int64_t disk_full;
    _Atomic int64_t writes_refused;
};

/* Without faults until the file is mapped: others' constructors may run, and look at the clock, before ours. */
static struct control nothing;
static struct control *control = &nothing;
static const char *disk = "";

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("WATCHBELL_FAULTS"), O_RDWR | O_CLOEXEC);
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    disk = getenv("WATCHBELL_FAULTS_DISK");
    if (mapped == MAP_FAILED || !disk) abort();
    close(file);
    control = mapped;
}

/* The function of that name that this file hides. */
#define REAL(name)                                          \
    static __typeof__(&name) real;                          \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* --- The wall clock. */

int clock_gettime(clockid_t clock, struct timespec *at) {
    REAL(clock_gettime);
    int failed = real(clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += control->clock_ahead;
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    REAL(gettimeofday);
    int failed = real(at, zone);
    if (!failed) at->tv_sec += control->clock_ahead;
    return failed;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

/* --- The disk. */

static int refused(int file) {
    char link[64], path[4096];
    if (!control->disk_full) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    size_t prefix = strlen(disk);
    if (length < (ssize_t)prefix || strncmp(path, disk, prefix) != 0) return 0;
    control->writes_refused++;
    return 1;
}

/* A call that adds to a file; refused, it answers as the kernel does. */
#define WRITES(result, name, parameters, arguments)         \
    result name parameters {                                \
        REAL(name);                                         \
        if (!refused(file)) return real arguments;          \
        errno = ENOSPC;                                     \
        return -1;                                          \
    }

WRITES(ssize_t, write, (int file, const void *data, size_t size), (file, data, size))
WRITES(ssize_t, pwrite, (int file, const void *data, size_t size, off_t at), (file, data, size, at))
WRITES(ssize_t, pwrite64, (int file, const void *data, size_t size, off64_t at), (file, data, size, at))
WRITES(ssize_t, writev, (int file, const struct iovec *parts, int count), (file, parts, count))
WRITES(int, fallocate, (int file, int mode, off_t at, off_t size), (file, mode, at, size))
WRITES(int, fallocate64, (int file, int mode, off64_t at, off64_t size), (file, mode, at, size))

/* Tells of errors by what it returns. */
int posix_fallocate(int file, off_t at, off_t size) {
    REAL(posix_fallocate);
    return refused(file) ? ENOSPC : real(file, at, size);
}

/* A file may always be made shorter. */
static int grows(int file, off_t size) {
    struct stat now;
    return fstat(file, &now) == 0 && size > now.st_size && refused(file);
}

int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    if (!grows(file, size)) return real(file, size);
    errno = ENOSPC;
    return -1;
}

int ftruncate64(int file, off64_t size) { return ftruncate(file, size); }
