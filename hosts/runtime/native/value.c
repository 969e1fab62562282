// See value.h.
#include "value.h"

#include <errno.h>
#include <uv.h>

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

bool is_function(napi_env env, napi_value value) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_function) return true;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "not a function");
  return false;
}

napi_value new_object(napi_env env, const struct object_kind *kind, void *data) {
  napi_value object;
  if (napi_create_object(env, &object) != napi_ok || napi_wrap(env, object, data, kind->end, NULL, NULL) != napi_ok) {
    kind->end(env, data, NULL);
    return throw_errno(env, ENOMEM, "napi_wrap");
  }
  if (napi_type_tag_object(env, object, &kind->tag) != napi_ok) return throw_errno(env, EINVAL, "napi_type_tag_object");
  return object;
}

void *get_object(napi_env env, napi_value value, const struct object_kind *kind) {
  bool is_one = false;
  void *data = NULL;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object ||
      napi_check_object_type_tag(env, value, &kind->tag, &is_one) != napi_ok || !is_one ||
      napi_unwrap(env, value, &data) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", kind->complaint);
    return NULL;
  }
  return data;
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
