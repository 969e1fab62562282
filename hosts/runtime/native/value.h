// Values passed between JavaScript and the addon: checked arguments, results, errors, and objects that own native data.
#ifndef PORTREEVE_VALUE_H
#define PORTREEVE_VALUE_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Memory of one burst, borrowed from JavaScript for the duration of one call.
struct burst {
  uint8_t *bytes;
  size_t length;
  uint32_t *table;
  size_t rows;
};

// Read arguments. Each function returns false with a pending exception if the argument is invalid.
bool get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);
bool get_uint32(napi_env env, napi_value value, uint32_t *result);
bool get_table(napi_env env, napi_value table, size_t row_words, struct burst *burst);
bool get_burst(napi_env env, napi_value bytes, napi_value table, size_t row_words, struct burst *burst);
// Read a typed array of at least `least` elements.
bool get_bytes(napi_env env, napi_value value, size_t least, uint8_t **bytes);
bool get_words(napi_env env, napi_value value, size_t least, uint32_t **words);
bool get_numbers(napi_env env, napi_value value, size_t least, double **numbers);
bool is_function(napi_env env, napi_value value);

// Kind of object, checked on every use: an object of another kind or addon is refused with `complaint`.
struct object_kind {
  const char *complaint;
  napi_finalize end; // frees the object's data when it is garbage-collected
};

// Creates an object that owns `data`; ends `data` on failure.
napi_value new_object(napi_env env, const struct object_kind *kind, void *data);
// Returns the data of an object; NULL with a pending exception if it is of another kind.
void *get_object(napi_env env, napi_value value, const struct object_kind *kind);

// A JavaScript function that the event loop calls.
struct callback {
  napi_env env;
  napi_ref function;
  napi_async_context context;
};

bool callback_begin(struct callback *callback, napi_env env, napi_value function);
// Calls the function on the object `self` with a status. An exception becomes 'uncaughtException', as from any callback
// of Node.
void callback_call(struct callback *callback, napi_ref self, int32_t status);
void callback_end(struct callback *callback);

napi_value throw_errno(napi_env env, int number, const char *syscall);
napi_value make_uint32(napi_env env, uint32_t value);

#endif
