#include "port.h"

#include <errno.h>
#include <time.h>

// bootTime() -> milliseconds since the machine booted, including suspends. CLOCK_MONOTONIC, which Node uses, stops
// during a suspend.
napi_value boot_time(napi_env env, napi_callback_info info) {
  struct timespec time;
  if (clock_gettime(CLOCK_BOOTTIME, &time) != 0) return throw_errno(env, errno, "clock_gettime");
  napi_value result;
  return napi_create_double(env, (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6, &result) == napi_ok ? result
                                                                                                            : NULL;
}
