#include "port.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// notify(path, text): sends one datagram to the socket of the service manager, as sd_notify(3) does. A path that begins
// with @ is an abstract name. Node has no Unix datagram sockets.
napi_value notify(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char text[1024];
  size_t path_length, text_length;
  if (napi_get_value_string_utf8(env, arguments[0], address.sun_path, sizeof address.sun_path, &path_length) != napi_ok ||
      napi_get_value_string_utf8(env, arguments[1], text, sizeof text, &text_length) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "not two strings");
    return NULL;
  }
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length);
  const int file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) return throw_errno(env, errno, "socket");
  const ssize_t sent = sendto(file, text, text_length, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, length);
  const int problem = errno;
  close(file);
  return sent < 0 ? throw_errno(env, problem, "sendto") : NULL;
}
