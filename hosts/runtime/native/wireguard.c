// See wireguard.h.
#include "wireguard.h"
#include "bytes.h"

#include <stdlib.h>
#include <string.h>

enum { PADDING = 16, WORD_BITS = 32 };
// Limit of plugins/transport-wireguard, below the protocol's, so that a counter is an exact JavaScript number.
static const uint64_t REJECT_AFTER_MESSAGES = ((uint64_t)1 << 53) - 1 - ((uint64_t)1 << 13);

static void drop(struct lane *lane, uint32_t reason) { lane->drops[reason]++; }

// Finds the place of a session in its bucket. Indices are random and chosen at this end, so nobody else can fill one
// bucket.
static struct session **find(struct lane *lane, uint32_t index) {
  struct session **place = &lane->buckets[index % BUCKETS];
  while (*place != NULL && (*place)->index != index) place = &(*place)->next;
  return place;
}

// Distance in messages at which sessions are prefetched into the cache while others are encrypted or decrypted. A
// session's bucket is prefetched twice as early, as it must be read to find the session.
enum { AHEAD = 2 };

static void fetch_bucket(struct lane *lane, uint32_t index) { __builtin_prefetch(&lane->buckets[index % BUCKETS]); }

static void fetch_session(struct lane *lane, uint32_t index) {
  const char *session = (const char *)lane->buckets[index % BUCKETS];
  if (session == NULL) return;
  __builtin_prefetch(session, 1);
  __builtin_prefetch(session + CACHE_LINE, 1);
}

bool lane_install(struct lane *lane, const struct session_keys *keys) {
  lane_remove(lane, keys->index);
  struct session *session = aligned_alloc(_Alignof(struct session), sizeof *session);
  if (session == NULL) return false;
  memset(session, 0, sizeof *session);
  session->index = keys->index;
  session->remote_index = keys->remote_index;
  session->handle = keys->handle;
  session->expires_at = keys->expires_at;
  if (!aead_init(&session->sealing, keys->send_key, true) || !aead_init(&session->opening, keys->receive_key, false)) {
    aead_clear(&session->sealing);
    free(session);
    return false;
  }
  *find(lane, keys->index) = session;
  return true;
}

void lane_remove(struct lane *lane, uint32_t index) {
  struct session **place = find(lane, index), *session = *place;
  if (session == NULL) return;
  *place = session->next;
  aead_clear(&session->sealing);
  aead_clear(&session->opening);
  free(session);
}

void lane_clear(struct lane *lane) {
  for (size_t bucket = 0; bucket < BUCKETS; bucket++)
    while (lane->buckets[bucket] != NULL) lane_remove(lane, lane->buckets[bucket]->index);
}

static uint32_t padded(uint32_t length) { return (length + PADDING - 1) & ~(uint32_t)(PADDING - 1); }

static bool seal_packet(struct session *session, struct cut *cut, uint8_t *out) {
  uint32_t length = cut_length(cut), sealed = padded(length);
  uint64_t counter = session->sent++;
  put_little32(out, 4);
  put_little32(out + 4, session->remote_index);
  put_little64(out + 8, counter);
  cut_next(cut, out + DATA_HEADER);
  memset(out + DATA_HEADER + length, 0, sealed - length);
  return aead_seal(&session->sealing, counter, out + DATA_HEADER, sealed);
}

size_t lane_seal(struct lane *lane, struct bytes in, struct rows frames, struct bytes out, struct rows sealed, double now,
                 size_t *frames_done) {
  size_t used = AEAD_ROOM - DATA_HEADER, count = 0, frame = 0; // room before the first text
  if (out.length < used) out.length = used;
  for (; frame < frames.count; frame++) {
    const uint32_t *row = frames.at + frame * FRAME_ROW;
    if (frame + 2 * AHEAD < frames.count) fetch_bucket(lane, row[2 * AHEAD * FRAME_ROW + 2]);
    if (frame + AHEAD < frames.count) fetch_session(lane, row[AHEAD * FRAME_ROW + 2]);
    struct session *session = *find(lane, row[2]);
    uint32_t channel = row[3] >> 16, header = channel == 0 ? 0 : CHANNEL_HEADER;
    struct cut cut;
    if ((uint64_t)row[0] + row[1] > in.length) {
      drop(lane, FRAME_SHORT);
      continue;
    }
    if (session == NULL || session->expires_at <= now || session->sent + MOST_SEGMENTS_OF_FRAME > REJECT_AFTER_MESSAGES) {
      drop(lane, session == NULL ? DROP_NO_SESSION : DROP_EXPIRED);
      continue;
    }
    // A frame of only the offload header is a keepalive.
    if (row[1] == OFFLOAD_HEADER) {
      cut = (struct cut){.packet = in.at + row[0] + OFFLOAD_HEADER, .count = 1};
    } else {
      enum frame_drop problem = cut_begin(&cut, in.at + row[0], row[1]);
      if (problem != FRAME_OK) {
        drop(lane, problem);
        continue;
      }
    }
    size_t room = (size_t)cut.count * (header + DATA_LEAST + PADDING + cut.headers) + cut.length;
    if (cut.count > sealed.count - count || room > out.length - used) {
      if (count > 0) break;
      drop(lane, DROP_NO_ROOM);
      continue;
    }
    while (cut.next < cut.count) {
      uint32_t length = DATA_LEAST + padded(cut_length(&cut));
      if (!seal_packet(session, &cut, out.at + used + header)) {
        drop(lane, DROP_NOT_SEALED);
        continue;
      }
      if (header > 0) put_big32(out.at + used, channel << 16 | length);
      length += header;
      uint32_t *message = sealed.at + count++ * SEALED_ROW;
      message[0] = (uint32_t)used;
      message[1] = length;
      message[2] = 0;
      memcpy(message + 3, row + 3, ADDRESS_WORDS * sizeof *row);
      used += length;
    }
  }
  *frames_done = frame;
  return count;
}

// Enters an authentic counter into the replay window. Returns the reason to drop its message, or 0. RFC 6479: moving
// forward clears words instead of shifting bits.
static uint32_t accept_counter(struct session *session, uint64_t counter, bool *newest) {
  *newest = !session->received_any || counter > session->greatest;
  if (!*newest && session->greatest - counter >= (REPLAY_WORDS - 1) * WORD_BITS) return DROP_TOO_OLD;
  if (*newest) {
    uint64_t to = counter / WORD_BITS, cleared = 0;
    uint64_t from = session->received_any ? session->greatest / WORD_BITS : to - REPLAY_WORDS;
    for (uint64_t word = to; word != from && cleared < REPLAY_WORDS; word--, cleared++)
      session->window[word % REPLAY_WORDS] = 0;
    session->greatest = counter;
    session->received_any = true;
  }
  uint32_t *word = &session->window[counter / WORD_BITS % REPLAY_WORDS], bit = (uint32_t)1 << counter % WORD_BITS;
  if ((*word & bit) != 0) return DROP_REPLAYED;
  *word |= bit;
  return 0;
}

// Returns the length of the IP packet without padding; 0 if there is no valid packet.
static uint32_t inner_length(const uint8_t *plain, uint32_t length) {
  uint32_t inner = 0;
  if (length >= 20 && plain[0] >> 4 == 4) inner = (uint32_t)plain[2] << 8 | plain[3];
  else if (length >= 40 && plain[0] >> 4 == 6) inner = 40 + ((uint32_t)plain[4] << 8 | plain[5]);
  return inner < 20 || inner > length ? 0 : inner;
}

// Result of decrypting a burst so far: rows, and the super-packet that still grows.
struct opening {
  struct rows rows;
  size_t count;
  struct super super;
  const struct session *owner; // session of the super-packet; NULL: there is none
};

static void end_super(struct opening *opening) {
  if (opening->owner == NULL) return;
  opening->owner = NULL;
  uint32_t *row = opening->rows.at + (opening->count - 1) * OPENED_ROW;
  if (super_end(&opening->super)) row[3] |= OPENED_PSEUDO_CHECKSUM;
  row[1] = opening->super.length + OFFLOAD_HEADER;
}

static void add_row(struct opening *opening, const uint32_t row[OPENED_ROW]) {
  end_super(opening);
  memcpy(opening->rows.at + opening->count++ * OPENED_ROW, row, OPENED_ROW * sizeof *row);
}

// Returns the channel of a message whose relay's header fits it; 0 if there is none.
static uint32_t channel_at(const uint8_t *message, uint32_t length) {
  if (length < CHANNEL_HEADER || message[0] >> 4 != FIRST_CHANNEL >> 12) return 0;
  return CHANNEL_HEADER + (big32(message) & 0xffff) > length ? 0 : big32(message) >> 16;
}

static void open_message(struct lane *lane, struct bytes in, uint32_t at, uint32_t length, uint32_t source, double now,
                         bool join_udp, struct opening *opening) {
  bool newest;
  uint32_t channel = channel_at(in.at + at, length), header = channel == 0 ? 0 : CHANNEL_HEADER;
  if (length < header + 4 || little32(in.at + at + header) != 4)
    return add_row(opening, (const uint32_t[]){at, length, 0, source});
  // Bytes behind the channel's data are padding (RFC 8656 §12.5).
  if (header > 0) length = big32(in.at + at) & 0xffff;
  at += header;
  uint8_t *message = in.at + at;
  if (length < DATA_LEAST || length > MESSAGE_MOST) return drop(lane, DROP_MALFORMED);
  struct session *session = *find(lane, little32(message + 4));
  uint64_t counter = little64(message + 8);
  if (session == NULL) return drop(lane, DROP_UNKNOWN_INDEX);
  if (session->expires_at <= now || counter >= REJECT_AFTER_MESSAGES) return drop(lane, DROP_EXPIRED);
  uint32_t plain_length = length - DATA_LEAST;
  uint8_t *packet = lane->plain + AEAD_ROOM;
  __builtin_prefetch(&session->window[counter / WORD_BITS % REPLAY_WORDS], 1);
  if (!aead_open(&session->opening, counter, message + DATA_HEADER, plain_length, packet)) return drop(lane, DROP_WRONG_KEY);
  uint32_t problem = accept_counter(session, counter, &newest);
  if (problem != 0) return drop(lane, problem);
  uint32_t flags = source | (newest ? OPENED_NEWEST : 0) | (channel == 0 ? 0 : channel - FIRST_CHANNEL + 1) << OPENED_CHANNEL;
  uint32_t inner = inner_length(packet, plain_length);
  if (inner == 0) { // a keepalive, or not an IP packet; reported, since it shows that the peer is alive
    if (plain_length > 0) drop(lane, DROP_NOT_IP);
    return add_row(opening, (const uint32_t[]){at, 0, session->handle + 1, flags});
  }
  if (opening->owner == session && super_append(&opening->super, packet, inner)) {
    if (newest) opening->rows.at[(opening->count - 1) * OPENED_ROW + 3] = flags; // the peer is where the newest came from
    return;
  }
  uint32_t frame = at + DATA_HEADER - OFFLOAD_HEADER; // the virtio_net header takes the place of the end of the message's header
  add_row(opening, (const uint32_t[]){frame, OFFLOAD_HEADER + inner, session->handle + 1, flags});
  memcpy(message + DATA_HEADER, packet, inner);
  super_begin(&opening->super, message + DATA_HEADER, inner, join_udp);
  opening->owner = session;
}

// Returns the session index of a received message; an arbitrary number if it is not a data message.
static uint32_t index_at(struct bytes in, const uint32_t *row) {
  if ((uint64_t)row[0] + CHANNEL_HEADER + DATA_HEADER > in.length) return 0;
  const uint8_t *message = in.at + row[0];
  return little32(message + (message[0] >> 4 == FIRST_CHANNEL >> 12 ? CHANNEL_HEADER : 0) + 4);
}

size_t lane_open(struct lane *lane, struct bytes in, struct rows messages, struct rows opened, double now, bool join_udp,
                 size_t *messages_done) {
  struct opening opening = {.rows = opened};
  size_t index = 0;
  for (; index < messages.count; index++) {
    const uint32_t *row = messages.at + index * MESSAGE_ROW;
    if (index + 2 * AHEAD < messages.count) fetch_bucket(lane, index_at(in, row + 2 * AHEAD * MESSAGE_ROW));
    if (index + AHEAD < messages.count) fetch_session(lane, index_at(in, row + AHEAD * MESSAGE_ROW));
    uint32_t at = row[0], left = row[1], segment = row[2];
    if ((uint64_t)at + left > in.length || segment == 0) {
      if (left > 0) drop(lane, DROP_MALFORMED);
      continue;
    }
    if ((left + segment - 1) / segment > opened.count - opening.count) {
      if (opening.count > 0) break;
      drop(lane, DROP_NO_ROOM);
      continue;
    }
    while (left > 0) {
      uint32_t length = left < segment ? left : segment;
      open_message(lane, in, at, length, (uint32_t)index & 0xffff, now, join_udp, &opening);
      at += length;
      left -= length;
    }
  }
  end_super(&opening);
  *messages_done = index;
  return opening.count;
}
