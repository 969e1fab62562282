// Arguments, errors, and the port object: a descriptor, its readiness on the event loop, and their common end.
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
  napi_ref self; // strong while polling: an open device is not garbage
  struct callback callback;
  napi_async_cleanup_hook_handle hook;
};

static const napi_type_tag PORT_TAG = {0x7d1f0c5a62b84e11, 0x9a3be06f1c2d4857};

napi_value throw_errno(napi_env env, int number, const char *syscall) {
  napi_value code, message, syscall_name, error;
  const char *name = uv_err_name(-number);
  if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code) == napi_ok &&
      napi_create_string_utf8(env, uv_strerror(-number), NAPI_AUTO_LENGTH, &message) == napi_ok &&
      napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &syscall_name) == napi_ok &&
      napi_create_error(env, code, message, &error) == napi_ok) {
    napi_set_named_property(env, error, "syscall", syscall_name);
    napi_throw(env, error);
  }
  return NULL;
}

napi_value make_uint32(napi_env env, uint32_t value) {
  napi_value result = NULL;
  napi_create_uint32(env, value, &result);
  return result;
}

bool get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given < count) {
    napi_throw_type_error(env, "ERR_MISSING_ARGS", "too few arguments");
    return false;
  }
  return true;
}

bool get_uint32(napi_env env, napi_value value, uint32_t *result) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= 0 && number <= UINT32_MAX) ||
      number != (double)(uint32_t)number) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "not an unsigned 32-bit integer");
    return false;
  }
  *result = (uint32_t)number;
  return true;
}

static bool get_array(napi_env env, napi_value value, napi_typedarray_type wanted, void **data, size_t *length) {
  bool is_array = false;
  napi_typedarray_type type;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) != napi_ok || type != wanted) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "not a typed array of the right type");
    return false;
  }
  if (*data == NULL) *length = 0; // empty or detached
  return true;
}

bool get_table(napi_env env, napi_value table, size_t row_words, struct burst *burst) {
  size_t words;
  if (!get_array(env, table, napi_uint32_array, (void **)&burst->table, &words)) return false;
  burst->rows = words / row_words;
  return true;
}

bool get_burst(napi_env env, napi_value bytes, napi_value table, size_t row_words, struct burst *burst) {
  return get_array(env, bytes, napi_uint8_array, (void **)&burst->bytes, &burst->length) &&
         get_table(env, table, row_words, burst);
}

static bool get_least(napi_env env, napi_value value, napi_typedarray_type type, size_t least, void **data) {
  size_t length;
  if (!get_array(env, value, type, data, &length)) return false;
  if (length >= least) return true;
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "a typed array is too short");
  return false;
}

bool get_bytes(napi_env env, napi_value value, size_t least, uint8_t **bytes) {
  return get_least(env, value, napi_uint8_array, least, (void **)bytes);
}

bool get_words(napi_env env, napi_value value, size_t least, uint32_t **words) {
  return get_least(env, value, napi_uint32_array, least, (void **)words);
}

bool get_numbers(napi_env env, napi_value value, size_t least, double **numbers) {
  return get_least(env, value, napi_float64_array, least, (void **)numbers);
}

static struct owned_port *get_owned(napi_env env, napi_value value) {
  bool is_port = false;
  struct owned_port *owned = NULL;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object ||
      napi_check_object_type_tag(env, value, &PORT_TAG, &is_port) != napi_ok || !is_port ||
      napi_unwrap(env, value, (void **)&owned) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "not a port of this addon");
    return NULL;
  }
  return owned;
}

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

bool callback_begin(struct callback *callback, napi_env env, napi_value function) {
  napi_value name;
  callback->env = env;
  return napi_create_string_utf8(env, "portreeve:port", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_async_init(env, NULL, name, &callback->context) == napi_ok &&
         napi_create_reference(env, function, 1, &callback->function) == napi_ok;
}

void callback_call(struct callback *callback, napi_ref self, int32_t status) {
  napi_env env = callback->env;
  napi_handle_scope scope;
  napi_value receiver, function, argument, exception;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, callback->function, &function) == napi_ok && function != NULL &&
      napi_get_reference_value(env, self, &receiver) == napi_ok && receiver != NULL &&
      napi_create_int32(env, status, &argument) == napi_ok) {
    bool is_pending = false;
    bool failed =
        napi_make_callback(env, callback->context, receiver, function, 1, &argument, NULL) == napi_pending_exception;
    if (failed && napi_is_exception_pending(env, &is_pending) == napi_ok && is_pending &&
        napi_get_and_clear_last_exception(env, &exception) == napi_ok)
      napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

void callback_end(struct callback *callback) {
  if (callback->function != NULL) napi_delete_reference(callback->env, callback->function);
  if (callback->context != NULL) napi_async_destroy(callback->env, callback->context);
  callback->function = NULL;
  callback->context = NULL;
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
  if (self != NULL) napi_delete_reference(owned->env, self); // from here on the struct may be collected
  napi_close_handle_scope(env, scope);
}

// Polling ends before its descriptor does, or the loop would watch a number that another file gets next.
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

// The environment (a worker, or the process) ends while the port is open.
static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) {
  end_port(data);
}

napi_value new_port(napi_env env, int fd, enum port_kind kind, uint32_t detail, bool segments) {
  napi_value object;
  struct owned_port *owned = calloc(1, sizeof *owned);
  if (owned == NULL) {
    close(fd);
    return throw_errno(env, ENOMEM, "malloc");
  }
  owned->port = (struct port){.fd = fd, .kind = kind, .detail = detail, .segments = segments};
  owned->env = env;
  if (napi_create_object(env, &object) != napi_ok || napi_wrap(env, object, owned, on_collected, NULL, NULL) != napi_ok) {
    close(fd);
    free(owned);
    return throw_errno(env, ENOMEM, "napi_wrap");
  }
  if (napi_type_tag_object(env, object, &PORT_TAG) != napi_ok) return throw_errno(env, EINVAL, "napi_type_tag_object");
  return object;
}

static void on_ready(uv_poll_t *handle, int status, int events) {
  struct owned_port *owned = handle->data;
  if (status < 0 && owned->port.kind == PORT_UDP) {
    // A pending error of a socket (libuv stops polling on it) is about one datagram: take it off and go on.
    int pending = 0;
    socklen_t length = sizeof pending;
    getsockopt(owned->port.fd, SOL_SOCKET, SO_ERROR, &pending, &length);
    if (pending != 0 && uv_poll_start(handle, UV_READABLE, on_ready) == 0) return;
  }
  callback_call(&owned->callback, owned->self, status);
}

// watch(port, callback): calls back with 0 whenever the port is readable, and with a negative libuv error where it broke.
napi_value watch(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  napi_valuetype type;
  uv_loop_t *loop;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  if (get_port(env, arguments[0], 0) == NULL) return NULL;
  struct owned_port *owned = get_owned(env, arguments[0]);
  if (owned == NULL) return NULL;
  if (owned->polling) return throw_errno(env, EBUSY, "uv_poll_init");
  if (napi_typeof(env, arguments[1], &type) != napi_ok || type != napi_function) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "not a function");
    return NULL;
  }
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

// close(port): at once and for good; closing twice is nothing.
napi_value close_port(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!get_arguments(env, info, 1, arguments)) return NULL;
  struct owned_port *owned = get_owned(env, arguments[0]);
  if (owned != NULL) end_port(owned);
  return NULL;
}
