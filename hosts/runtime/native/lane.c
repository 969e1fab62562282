// JavaScript interface of a lane: an opaque object with sessions and drop counts, and the burst functions `seal` and
// `open`. See wireguard.h.
#include "port.h"
#include "wireguard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void on_lane_collected(napi_env env, void *data, void *hint) {
  lane_clear(data);
  free(data);
}

static const struct object_kind LANE = {"not a lane of this addon", on_lane_collected};

static struct lane *get_lane(napi_env env, napi_value value) { return get_object(env, value, &LANE); }

// cipher() -> 0 if this process has no ChaCha20-Poly1305 that passes its test vectors, 1 for EVP, 2 for OpenSSL's
// primitives.
napi_value cipher(napi_env env, napi_callback_info info) { return make_uint32(env, aead_load()); }

// chooseCipher(kind) -> the kind that new keys use, which is `kind` if available. For tests.
napi_value choose_cipher(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  uint32_t kind;
  if (!get_arguments(env, info, 1, arguments) || !get_uint32(env, arguments[0], &kind)) return NULL;
  aead_load();
  return make_uint32(env, aead_choose(kind > AEAD_RAW ? AEAD_RAW : (enum aead_kind)kind));
}

napi_value create_lane(napi_env env, napi_callback_info info) {
  aead_load();
  struct lane *lane = calloc(1, sizeof *lane);
  return lane == NULL ? throw_errno(env, ENOMEM, "malloc") : new_object(env, &LANE, lane);
}

// installKeys(lane, [index, remote index, handle], send key, receive key, expiry in milliseconds)
napi_value install_keys(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  uint32_t *words;
  uint8_t *send_key, *receive_key;
  double expires_at;
  if (!get_arguments(env, info, 5, arguments)) return NULL;
  struct lane *lane = get_lane(env, arguments[0]);
  if (lane == NULL || !get_words(env, arguments[1], 3, &words)) return NULL;
  if (!get_bytes(env, arguments[2], AEAD_KEY, &send_key) || !get_bytes(env, arguments[3], AEAD_KEY, &receive_key)) return NULL;
  if (napi_get_value_double(env, arguments[4], &expires_at) != napi_ok)
    return throw_errno(env, EINVAL, "installKeys");
  struct session_keys keys = {words[0], words[1], words[2], expires_at, send_key, receive_key};
  return lane_install(lane, &keys) ? NULL : throw_errno(env, ENOMEM, "installKeys");
}

napi_value remove_keys(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint32_t index;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct lane *lane = get_lane(env, arguments[0]);
  if (lane != NULL && get_uint32(env, arguments[1], &index)) lane_remove(lane, index);
  return NULL;
}

// seal(lane, frames, table, count, out, out table, now, done) -> number of messages. done[0]: number of frames
// processed.
napi_value seal(napi_env env, napi_callback_info info) {
  napi_value arguments[8];
  struct burst in, out;
  uint32_t count, *done;
  double now;
  size_t frames_done = 0;
  if (!get_arguments(env, info, 8, arguments)) return NULL;
  struct lane *lane = get_lane(env, arguments[0]);
  if (lane == NULL || !get_burst(env, arguments[1], arguments[2], FRAME_ROW, &in)) return NULL;
  if (!get_uint32(env, arguments[3], &count) || !get_burst(env, arguments[4], arguments[5], SEALED_ROW, &out)) return NULL;
  if (napi_get_value_double(env, arguments[6], &now) != napi_ok || count > in.rows) return throw_errno(env, EINVAL, "seal");
  if (!get_words(env, arguments[7], 1, &done)) return NULL;
  size_t sealed = lane_seal(lane, (struct bytes){in.bytes, in.length}, (struct rows){in.table, count},
                            (struct bytes){out.bytes, out.length}, (struct rows){out.table, out.rows}, now, &frames_done);
  done[0] = (uint32_t)frames_done;
  return make_uint32(env, (uint32_t)sealed);
}

// open(lane, bytes, table, count, opened table, now, join UDP, done) -> number of rows. done[0]: number of messages
// processed.
napi_value open_sealed(napi_env env, napi_callback_info info) {
  napi_value arguments[8];
  struct burst in, out = {0};
  uint32_t count, join_udp, *done;
  double now;
  size_t messages_done = 0;
  if (!get_arguments(env, info, 8, arguments)) return NULL;
  struct lane *lane = get_lane(env, arguments[0]);
  if (lane == NULL || !get_burst(env, arguments[1], arguments[2], MESSAGE_ROW, &in)) return NULL;
  if (!get_uint32(env, arguments[3], &count) || !get_table(env, arguments[4], OPENED_ROW, &out)) return NULL;
  if (napi_get_value_double(env, arguments[5], &now) != napi_ok || count > in.rows) return throw_errno(env, EINVAL, "open");
  if (!get_uint32(env, arguments[6], &join_udp) || !get_words(env, arguments[7], 1, &done)) return NULL;
  size_t opened = lane_open(lane, (struct bytes){in.bytes, in.length}, (struct rows){in.table, count},
                            (struct rows){out.table, out.rows}, now, join_udp != 0, &messages_done);
  done[0] = (uint32_t)messages_done;
  return make_uint32(env, (uint32_t)opened);
}

// laneDrops(lane, counts): fills in the number of drops so far by reason, in the order of LANE_DROPS in addon.ts.
napi_value lane_drops(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  double *counts;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct lane *lane = get_lane(env, arguments[0]);
  if (lane == NULL || !get_numbers(env, arguments[1], DROPS, &counts)) return NULL;
  memcpy(counts, lane->drops, sizeof lane->drops);
  return NULL;
}
