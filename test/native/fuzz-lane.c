// Feeds the lane's sealing, opening, cutting and joining with true, damaged and random packets, in buffers of exactly their size, under the
// address and undefined-behaviour sanitizers: fuzz-lane SEED ROUNDS. What was sealed has to come out again as it was.
#include "../../hosts/runtime/native/wireguard.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint32_t random_below(uint32_t limit) { // xorshift64*
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return limit == 0 ? 0 : (uint32_t)((state * 0x2545f4914f6cdd1d) >> 33) % limit;
}

static void must(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "%s\n", what);
  abort();
}

// A TCP or UDP frame as a TUN device gives it, and a few bytes of it changed now and then.
static size_t make_frame(uint8_t *frame, bool damage) {
  bool ipv4 = random_below(2) != 0, tcp = random_below(2) != 0;
  uint32_t transport = ipv4 ? 20 : 40, headers = transport + (tcp ? 20 + 4 * random_below(3) : 8);
  uint32_t payload = random_below(random_below(4) == 0 ? 60000 : 3000) + 1, length = headers + payload;
  memset(frame, 0, OFFLOAD_HEADER + length);
  uint8_t *packet = frame + OFFLOAD_HEADER;
  for (uint32_t at = headers; at < length; at++) packet[at] = (uint8_t)(at * 31);
  packet[0] = ipv4 ? 0x45 : 0x60;
  uint32_t field = ipv4 ? length : length - 40;
  packet[ipv4 ? 2 : 4] = (uint8_t)(field >> 8);
  packet[ipv4 ? 3 : 5] = (uint8_t)field;
  packet[ipv4 ? 9 : 6] = tcp ? 6 : 17;
  if (tcp) packet[transport + 12] = (uint8_t)((headers - transport) / 4 << 4), packet[transport + 13] = 16;
  else packet[transport + 4] = (uint8_t)((length - transport) >> 8), packet[transport + 5] = (uint8_t)(length - transport);
  uint32_t segment = 40 + random_below(1400);
  frame[0] = 1;
  frame[1] = tcp ? (ipv4 ? 1 : 4) : 5;
  frame[4] = (uint8_t)segment, frame[5] = (uint8_t)(segment >> 8);
  frame[6] = (uint8_t)transport;
  frame[8] = tcp ? 16 : 6;
  if (damage)
    for (uint32_t changes = random_below(6); changes > 0; changes--) frame[random_below(90)] = (uint8_t)random_below(256);
  return OFFLOAD_HEADER + (damage && random_below(3) == 0 ? random_below(length) : length);
}

static uint32_t *make_rows(size_t count, size_t words) { return calloc(count * words, sizeof(uint32_t)); }

static void round_of(struct lane *here, struct lane *there) {
  static uint8_t made[70000];
  bool damage = random_below(3) == 0;
  size_t length = make_frame(made, damage), done;
  uint8_t *frame = malloc(length);
  memcpy(frame, made, length);
  uint32_t *frames = make_rows(1, FRAME_ROW);
  frames[1] = (uint32_t)length;
  frames[2] = 1;
  frames[3] = random_below(2) == 0 ? 0 : (FIRST_CHANNEL + random_below(0x1000)) << 16;
  size_t out_length = random_below(4) == 0 ? random_below(100000) : 400000, out_rows = 1 + random_below(2048);
  uint8_t *out = malloc(out_length + 1);
  uint32_t *sealed = make_rows(out_rows, SEALED_ROW);
  size_t count = lane_seal(here, (struct bytes){frame, length}, (struct rows){frames, 1}, (struct bytes){out, out_length},
                           (struct rows){sealed, out_rows}, 0, &done);
  must(done == 1, "a frame was not taken");

  size_t total = 0;
  for (size_t row = 0; row < count; row++) total += sealed[row * SEALED_ROW + 1];
  uint8_t *received = malloc(total + 1);
  if (count > 0) memcpy(received, out + sealed[0], total); // end to end
  uint32_t *messages = make_rows(1, MESSAGE_ROW), *opened = make_rows(count + 1, OPENED_ROW);
  messages[1] = (uint32_t)total;
  messages[2] = count > 0 ? sealed[1] : 1;
  bool tamper = random_below(3) == 0;
  if (tamper && total > 0)
    for (uint32_t changes = 1 + random_below(4); changes > 0; changes--) received[random_below((uint32_t)total)] ^= (uint8_t)(1 + random_below(255));
  if (random_below(20) == 0) messages[0] = random_below(100), messages[2] = random_below(3000);
  size_t rows = lane_open(there, (struct bytes){received, total}, (struct rows){messages, 1},
                          (struct rows){opened, count + 1}, 0, random_below(2) != 0, &done);
  for (size_t row = 0; row < rows; row++) {
    const uint32_t *at = opened + row * OPENED_ROW;
    must((size_t)at[0] + at[1] <= total, "a row lies outside of the buffer");
    if (at[2] == 0 || at[1] == 0) continue;
    struct cut cut;
    uint8_t *copy = malloc(at[1]);
    memcpy(copy, received + at[0], at[1]);
    if (cut_begin(&cut, copy, at[1]) == FRAME_OK)
      while (cut.next < cut.count) {
        uint8_t *piece = malloc(cut_length(&cut));
        cut_next(&cut, piece);
        free(piece);
        if (cut.headers == 0) break;
      }
    free(copy);
  }
  // One whole frame comes out as one frame: the same payload, behind the same length of headers.
  if (!damage && !tamper && rows == 1 && count > 1 && opened[1] == length)
    must(memcmp(received + opened[0] + 70, made + 70, length - 70) == 0, "a payload came out changed");
  free(frame), free(frames), free(out), free(sealed), free(received), free(messages), free(opened);
}

static void noise(struct lane *lane) {
  size_t length = random_below(400), done;
  uint8_t *bytes = malloc(length + 1), out[2000];
  for (size_t at = 0; at < length; at++) bytes[at] = (uint8_t)random_below(256);
  if (length >= 8 && random_below(2) != 0) memcpy(bytes, (uint8_t[]){4, 0, 0, 0, 1, 0, 0, 0}, 8);
  uint32_t *messages = make_rows(3, MESSAGE_ROW), opened[8 * OPENED_ROW], sealed[8 * SEALED_ROW];
  for (int row = 0; row < 3; row++) {
    messages[row * MESSAGE_ROW] = random_below((uint32_t)length + 20);
    messages[row * MESSAGE_ROW + 1] = random_below((uint32_t)length + 20);
    messages[row * MESSAGE_ROW + 2] = random_below(3) == 0 ? 1 : random_below(500);
  }
  lane_open(lane, (struct bytes){bytes, length}, (struct rows){messages, 3}, (struct rows){opened, 8}, 0, true, &done);
  lane_seal(lane, (struct bytes){bytes, length}, (struct rows){messages, 3}, (struct bytes){out, sizeof out},
            (struct rows){sealed, 8}, 0, &done);
  free(bytes), free(messages);
}

int main(int count, char **arguments) {
  state = count > 1 ? strtoull(arguments[1], NULL, 10) | 1 : 1;
  long rounds = count > 2 ? strtol(arguments[2], NULL, 10) : 1000;
  must(dlopen("libcrypto.so.3", RTLD_NOW | RTLD_GLOBAL) != NULL, "no libcrypto.so.3");
  must(aead_load() != AEAD_NONE, "no cipher that passes its vectors");
  uint8_t one[AEAD_KEY] = {1}, two[AEAD_KEY] = {2};
  struct lane *here = calloc(1, sizeof *here), *there = calloc(1, sizeof *there);
  for (long round = 0; round < rounds; round++) {
    if (round % 500 == 0) { // keys change while packets pass
      must(lane_install(here, &(struct session_keys){1, 1, 5, 1, one, two}), "no keys");
      must(lane_install(there, &(struct session_keys){1, 1, 6, 1, two, one}), "no keys");
    }
    round_of(here, there);
    noise(there);
  }
  lane_clear(here), lane_clear(there);
  free(here), free(there);
  printf("%ld rounds\n", rounds);
  return 0;
}
