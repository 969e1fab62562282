// WireGuard's data messages (§5.4.6) in bursts: sealed from frames of a TUN device, opened to such frames. Handshakes, timers and paths are
// the host's; here are only keys, counters and replay windows. It never trusts a byte of a message before its tag was right.
#ifndef PORTREEVE_WIREGUARD_H
#define PORTREEVE_WIREGUARD_H

#include "aead.h"
#include "segments.h"

enum { DATA_HEADER = 16, DATA_LEAST = DATA_HEADER + AEAD_TAG, MESSAGE_MOST = 0x10000, REPLAY_WORDS = 256, CACHE_LINE = 64, BUCKETS = 0x8000 };
enum { ADDRESS_WORDS = 5, FRAME_ROW = 8, SEALED_ROW = 8, MESSAGE_ROW = 8, OPENED_ROW = 4 };

// Why something was dropped; frames for the reasons of enum frame_drop come first.
enum lane_drop {
  DROP_NO_SESSION = FRAME_BAD_SEGMENT_SIZE + 1,
  DROP_EXPIRED,
  DROP_NO_ROOM,
  DROP_MALFORMED,
  DROP_UNKNOWN_INDEX,
  DROP_WRONG_KEY,
  DROP_REPLAYED,
  DROP_TOO_OLD,
  DROP_NOT_IP,
  DROP_NOT_SEALED,
  DROPS,
};

enum opened_flag { OPENED_NEWEST = 0x10000, OPENED_PSEUDO_CHECKSUM = 0x20000 };

// First what every message needs, in two lines of the processor's cache that it fetches as one: among ten thousand peers, each line that
// is looked at costs what sealing a hundred bytes does.
struct session {
  struct session *next;
  uint32_t index, remote_index;
  double expires_at; // milliseconds of the caller's clock
  uint64_t sent;
  struct aead sealing, opening;
  uint64_t greatest; // counter that was received, where `received_any`
  uint32_t handle;
  bool received_any;
  _Alignas(2 * CACHE_LINE) uint32_t window[REPLAY_WORDS]; // RFC 6479
};

struct lane {
  struct session *buckets[BUCKETS];
  double drops[DROPS];
  uint8_t plain[AEAD_ROOM + MESSAGE_MOST]; // of the message that is being opened
};

struct session_keys {
  uint32_t index, remote_index, handle;
  double expires_at;
  const uint8_t *send_key, *receive_key;
};

// Replaces a session of the same index. False where there is no memory.
bool lane_install(struct lane *lane, const struct session_keys *keys);
// Overwrites its keys; nothing where there is none.
void lane_remove(struct lane *lane, uint32_t index);
void lane_clear(struct lane *lane);

struct bytes {
  uint8_t *at;
  size_t length;
};

struct rows {
  uint32_t *at;
  size_t count;
};

// Frames (rows: offset, length, index of the session, port and address of the peer) -> messages in `out` (rows as sendUdp takes them), each
// frame's end to end, so that they leave as one. Returns how many messages; `frames_done` < frames.count where there was no more room.
size_t lane_seal(struct lane *lane, struct bytes in, struct rows frames, struct bytes out, struct rows sealed, double now,
                 size_t *frames_done);

// Received messages (rows as receiveUdp fills them) -> rows: offset, length, handle of the session + 1, row of the message with flags.
// Frames for the device lie in the same bytes; of length 0: a keepalive; handle 0: a datagram that is none of ours to open.
size_t lane_open(struct lane *lane, struct bytes in, struct rows messages, struct rows opened, double now, bool join_udp,
                 size_t *messages_done);

#endif
