/* Preloaded into the servers under test: their wall clock is shifted, their disk is slow, full or
   faulty, as the four numbers in a shared file say. Monotonic clocks are left alone, as a kernel
   leaves them. A full disk still takes what stands in the place of something else. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NANO 1000000000LL

enum { SHIFT, SYNC, FULL, FAULTY, NUMBERS }; /* ns, ns, whether, whether */

static volatile long long nothing[NUMBERS];
static volatile long long *control = nothing;
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_posix_fallocate)(int, off_t, off_t);

__attribute__((constructor)) static void begin(void) {
  real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_pwritev = dlsym(RTLD_NEXT, "pwritev");
  real_posix_fallocate = dlsym(RTLD_NEXT, "posix_fallocate");
  const char *path = getenv("KVITOK_TEST_SHIM");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *memory = mmap(NULL, sizeof nothing, PROT_READ, MAP_SHARED, file, 0);
  if (memory != MAP_FAILED) control = memory;
  close(file);
}

int clock_gettime(clockid_t id, struct timespec *at) {
  if (!real_gettime) begin();
  int result = real_gettime(id, at);
  long long shift = control[SHIFT];
  if (result == 0 && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
    long long moment = at->tv_sec * NANO + at->tv_nsec + shift;
    at->tv_sec = moment / NANO;
    at->tv_nsec = moment % NANO;
  }
  return result;
}

int gettimeofday(struct timeval *at, void *zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}

static void wait_for_the_disk(void) {
  long long length = control[SYNC];
  struct timespec rest = {length / NANO, length % NANO};
  while (length && nanosleep(&rest, &rest) && errno == EINTR) {
  }
}

static int is_faulty(void) {
  wait_for_the_disk();
  if (control[FAULTY]) errno = EIO;
  return control[FAULTY] != 0;
}

int fsync(int file) { return is_faulty() ? -1 : real_fsync(file); }

int fdatasync(int file) { return is_faulty() ? -1 : real_fdatasync(file); }

/* Whether a full disk has no room for this. */
static int is_full(int file, off_t end) {
  struct stat its;
  if (!control[FULL] || fstat(file, &its) || !S_ISREG(its.st_mode) || end <= its.st_size) return 0;
  errno = ENOSPC;
  return 1;
}

ssize_t write(int file, const void *data, size_t size) {
  if (!real_write) begin();
  if (control[FULL]) {
    int before = errno;
    off_t at = lseek(file, 0, SEEK_CUR); /* fails on whatever is no file */
    if (at >= 0 && is_full(file, at + (off_t)size)) return -1;
    errno = before;
  }
  return real_write(file, data, size);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
  return is_full(file, at + (off_t)size) ? -1 : real_pwrite(file, data, size, at);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
  off_t end = at;
  for (int i = 0; i < count; i++) end += (off_t)parts[i].iov_len;
  return is_full(file, end) ? -1 : real_pwritev(file, parts, count, at);
}

int posix_fallocate(int file, off_t at, off_t size) {
  return is_full(file, at + size) ? ENOSPC : real_posix_fallocate(file, at, size);
}

/* The names under which programs made for large files call them. */
ssize_t pwrite64(int file, const void *data, size_t size, off_t at)
    __attribute__((alias("pwrite")));
ssize_t pwritev64(int file, const struct iovec *parts, int count, off_t at)
    __attribute__((alias("pwritev")));
int posix_fallocate64(int file, off_t at, off_t size) __attribute__((alias("posix_fallocate")));
