// What passes between JavaScript and the addon: arguments, which are all checked, results, errors, and objects that own something.
#ifndef PORTREEVE_VALUE_H
#define PORTREEVE_VALUE_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One burst's memory, borrowed from JavaScript for the time of one call.
struct burst {
  uint8_t *bytes;
  size_t length;
  uint32_t *table;
  size_t rows;
};

// Arguments. Each returns false with a pending exception.
bool get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);
bool get_uint32(napi_env env, napi_value value, uint32_t *result);
bool get_table(napi_env env, napi_value table, size_t row_words, struct burst *burst);
bool get_burst(napi_env env, napi_value bytes, napi_value table, size_t row_words, struct burst *burst);
// A typed array of at least `least` elements.
bool get_bytes(napi_env env, napi_value value, size_t least, uint8_t **bytes);
bool get_words(napi_env env, napi_value value, size_t least, uint32_t **words);
bool get_numbers(napi_env env, napi_value value, size_t least, double **numbers);
bool is_function(napi_env env, napi_value value);

// Objects of one kind; no other object, of this addon or another, passes for one.
struct object_kind {
  const char *complaint;
  napi_finalize end; // of what it owns, when it is collected
};

// An object that owns `data` from here on, also where this fails.
napi_value new_object(napi_env env, const struct object_kind *kind, void *data);
// What it owns; NULL with a pending exception.
void *get_object(napi_env env, napi_value value, const struct object_kind *kind);

// A JavaScript function that the event loop calls.
struct callback {
  napi_env env;
  napi_ref function;
  napi_async_context context;
};

bool callback_begin(struct callback *callback, napi_env env, napi_value function);
// On the object `self`, with a status. What it throws is 'uncaughtException', as for any callback of Node.
void callback_call(struct callback *callback, napi_ref self, int32_t status);
void callback_end(struct callback *callback);

napi_value throw_errno(napi_env env, int number, const char *syscall);
napi_value make_uint32(napi_env env, uint32_t value);

#endif
