/* Preloaded into the servers under test: their wall clock is shifted, their disk syncs slowly, as
   the two numbers in a shared file say. Monotonic clocks are left alone, as a kernel leaves them. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NANO 1000000000LL

static volatile long long nothing[2];
static volatile long long *control = nothing; /* shift of the clock, length of a sync; ns */
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
  real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
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
  long long shift = control[0];
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
  long long length = control[1];
  struct timespec rest = {length / NANO, length % NANO};
  while (length && nanosleep(&rest, &rest) && errno == EINTR) {
  }
}

int fsync(int file) {
  wait_for_the_disk();
  return real_fsync(file);
}

int fdatasync(int file) {
  wait_for_the_disk();
  return real_fdatasync(file);
}
