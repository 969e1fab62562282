// Port object: owns a file descriptor and the uv handle that reports when it is readable.
#include "port.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

// The struct outlives both its JavaScript object and its uv handle: whichever ends last frees it.
struct owned_port {
  struct port port;
  uv_poll_t poll;
  bool polling;     // `poll` is initialised and not yet closed
  bool collected;   // the JavaScript object is gone, or its environment is
  napi_env env;
  napi_ref self; // strong while polling, so that a watched port is not garbage-collected
  struct callback callback;
  napi_async_cleanup_hook_handle hook;
};

static void on_collected(napi_env env, void *data, void *hint);
static const struct object_kind PORT = {"not a port of this addon", on_collected};

static struct owned_port *get_owned(napi_env env, napi_value value) { return get_object(env, value, &PORT); }

struct port *get_port(napi_env env, napi_value value, int kind) {
  struct owned_port *owned = get_owned(env, value);
  if (owned == NULL) return NULL;
  if (kind != 0 && owned->port.kind != (enum port_kind)kind) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "not a port of this kind");
    return NULL;
  }
  if (owned->port.fd < 0) {
    throw_errno(env, EBADF, "port");
    return NULL;
  }
  return &owned->port;
}

static void close_descriptor(struct owned_port *owned) {
  if (owned->port.fd >= 0) close(owned->port.fd);
  owned->port.fd = -1;
}

static void on_poll_closed(uv_handle_t *handle) {
  struct owned_port *owned = handle->data;
  owned->polling = false;
  if (owned->hook != NULL) napi_remove_async_cleanup_hook(owned->hook);
  owned->hook = NULL;
  if (owned->collected) {
    free(owned);
    return;
  }
  napi_env env = owned->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  callback_end(&owned->callback);
  napi_ref self = owned->self;
  owned->self = NULL;
  if (self != NULL) napi_delete_reference(owned->env, self); // allows the struct to be freed
  napi_close_handle_scope(env, scope);
}

// Closes a port. Polling is stopped before the descriptor is closed: otherwise the loop would watch a number that
// another file may get.
static void end_port(struct owned_port *owned) {
  if (owned->polling && !uv_is_closing((uv_handle_t *)&owned->poll)) {
    uv_poll_stop(&owned->poll);
    close_descriptor(owned);
    uv_close((uv_handle_t *)&owned->poll, on_poll_closed);
    return;
  }
  close_descriptor(owned);
}

static void on_collected(napi_env env, void *data, void *hint) {
  struct owned_port *owned = data;
  owned->collected = true;
  end_port(owned);
  if (!owned->polling) free(owned);
}

// Called when the environment (a worker, or the process) ends while the port is open.
static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) {
  end_port(data);
}

napi_value new_port(napi_env env, int fd, enum port_kind kind, uint32_t detail, bool segments) {
  struct owned_port *owned = calloc(1, sizeof *owned);
  if (owned == NULL) {
    close(fd);
    return throw_errno(env, ENOMEM, "malloc");
  }
  owned->port = (struct port){.fd = fd, .kind = kind, .detail = detail, .segments = segments};
  owned->env = env;
  return new_object(env, &PORT, owned);
}

static void on_ready(uv_poll_t *handle, int status, int events) {
  struct owned_port *owned = handle->data;
  if (status < 0 && owned->port.kind == PORT_UDP) {
    // A pending error of a UDP socket, at which libuv stops polling, concerns one datagram: it is cleared, and polling
    // restarted.
    int pending = 0;
    socklen_t length = sizeof pending;
    getsockopt(owned->port.fd, SOL_SOCKET, SO_ERROR, &pending, &length);
    if (pending != 0 && uv_poll_start(handle, UV_READABLE, on_ready) == 0) return;
  }
  callback_call(&owned->callback, owned->self, status);
}

// watch(port, callback): calls back with 0 whenever the port is readable, and with a negative libuv error if it fails.
napi_value watch(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uv_loop_t *loop;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  if (get_port(env, arguments[0], 0) == NULL) return NULL;
  struct owned_port *owned = get_owned(env, arguments[0]);
  if (owned == NULL) return NULL;
  if (owned->polling) return throw_errno(env, EBUSY, "uv_poll_init");
  if (!is_function(env, arguments[1])) return NULL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return throw_errno(env, EINVAL, "napi_get_uv_event_loop");
  int result = uv_poll_init(loop, &owned->poll, owned->port.fd);
  if (result < 0) return throw_errno(env, -result, "uv_poll_init");
  owned->poll.data = owned;
  owned->polling = true;
  if (!callback_begin(&owned->callback, env, arguments[1]) ||
      napi_create_reference(env, arguments[0], 1, &owned->self) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_environment_end, owned, &owned->hook) != napi_ok ||
      (result = uv_poll_start(&owned->poll, UV_READABLE, on_ready)) < 0) {
    end_port(owned);
    return throw_errno(env, result < 0 ? -result : ENOMEM, "uv_poll_start");
  }
  return NULL;
}

// close(port): closes it at once; closing twice does nothing.
napi_value close_port(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!get_arguments(env, info, 1, arguments)) return NULL;
  struct owned_port *owned = get_owned(env, arguments[0]);
  if (owned != NULL) end_port(owned);
  return NULL;
}
