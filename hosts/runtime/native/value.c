// See value.h.
#include "value.h"

#include <errno.h>
#include <stdlib.h>
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
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) != napi_ok || type != wanted) {
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

// Hash table of this thread's live objects by address (open addressing, at most half full), so that an external value
// of another addon is never dereferenced.
struct live_object {
  void *data;
  const struct object_kind *kind;
};
static _Thread_local struct {
  struct live_object *slots;
  size_t capacity, count; // a power of two, or 0
} live;

static size_t place_of(const void *data) {
  size_t at = ((uintptr_t)data >> 4) * 0x9e3779b97f4a7c15u >> 32 & (live.capacity - 1);
  while (live.slots[at].data != NULL && live.slots[at].data != data) at = (at + 1) & (live.capacity - 1);
  return at;
}

static bool reserve_live(void) {
  if (live.count * 2 < live.capacity) return true;
  struct live_object *old = live.slots;
  size_t old_capacity = live.capacity, capacity = old_capacity == 0 ? 16 : old_capacity * 2;
  struct live_object *slots = calloc(capacity, sizeof *slots);
  if (slots == NULL) return false;
  live.slots = slots;
  live.capacity = capacity;
  for (size_t at = 0; at < old_capacity; at++)
    if (old[at].data != NULL) slots[place_of(old[at].data)] = old[at];
  free(old);
  return true;
}

static void forget_live(const void *data) {
  size_t at = place_of(data);
  if (live.slots[at].data == NULL) return;
  live.slots[at].data = NULL;
  live.count--;
  // Entries that the removed one had displaced are inserted again.
  for (size_t next = (at + 1) & (live.capacity - 1); live.slots[next].data != NULL; next = (next + 1) & (live.capacity - 1)) {
    struct live_object moved = live.slots[next];
    live.slots[next].data = NULL;
    live.slots[place_of(moved.data)] = moved;
  }
  if (live.count > 0) return;
  free(live.slots);
  live.slots = NULL;
  live.capacity = 0;
}

static void on_object_collected(napi_env env, void *data, void *hint) {
  const struct object_kind *kind = hint;
  forget_live(data);
  kind->end(env, data, NULL);
}

napi_value new_object(napi_env env, const struct object_kind *kind, void *data) {
  napi_value object;
  if (!reserve_live() ||
      napi_create_external(env, data, on_object_collected, (void *)kind, &object) != napi_ok) {
    kind->end(env, data, NULL);
    return throw_errno(env, ENOMEM, "napi_create_external");
  }
  live.slots[place_of(data)] = (struct live_object){data, kind};
  live.count++;
  return object;
}

// Uses the table instead of Node-API type tags, whose lookup of two properties and a BigInt took 7 % of a round trip
// with cold caches.
void *get_object(napi_env env, napi_value value, const struct object_kind *kind) {
  void *data = NULL;
  if (napi_get_value_external(env, value, &data) == napi_ok && data != NULL && live.count > 0) {
    const struct live_object *known = &live.slots[place_of(data)];
    if (known->data == data && known->kind == kind) return data;
  }
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", kind->complaint);
  return NULL;
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
