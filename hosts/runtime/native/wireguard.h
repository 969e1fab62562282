// WireGuard's data messages (§5.4.6) in bursts: encrypts frames of a TUN device, decrypts into such frames. Here are
// keys, counters and replay windows only; handshakes, timers and paths are in the host. No byte of a message is used
// before its tag is verified, except the header that finds the session.
#ifndef PORTREEVE_WIREGUARD_H
#define PORTREEVE_WIREGUARD_H

#include "aead.h"
#include "segments.h"

enum { DATA_HEADER = 16, DATA_LEAST = DATA_HEADER + AEAD_TAG, MESSAGE_MOST = 0x10000, REPLAY_WORDS = 256, CACHE_LINE = 64, BUCKETS = 0x8000 };
enum { ADDRESS_WORDS = 5, FRAME_ROW = 8, SEALED_ROW = 8, MESSAGE_ROW = 8, OPENED_ROW = 4 };

// Reasons for a drop; those of enum frame_drop come first.
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

// Channels of relays (RFC 8656 §12.4): number and length in front of a message. A row of a frame has the channel's number
// in the upper half of the port's word; flags of an opened message have the number's lower 12 bits + 1 from OPENED_CHANNEL
// on. 0: none.
enum { CHANNEL_HEADER = 4, FIRST_CHANNEL = 0x4000, LAST_CHANNEL = 0x4fff, OPENED_CHANNEL = 18 };

// Session. The fields that every message needs come first, in two cache lines that the processor fetches together:
// among ten thousand peers, each further line takes as long as encrypting a hundred bytes.
struct session {
  struct session *next;
  uint32_t index, remote_index;
  double expires_at; // milliseconds of the caller's clock
  uint64_t sent;
  struct aead sealing, opening;
  uint64_t greatest; // highest counter received, valid if `received_any`
  uint32_t handle;
  bool received_any;
  _Alignas(2 * CACHE_LINE) uint32_t window[REPLAY_WORDS]; // RFC 6479
};

struct lane {
  struct session *buckets[BUCKETS];
  double drops[DROPS];
  uint8_t plain[AEAD_ROOM + MESSAGE_MOST]; // plaintext of the message being decrypted
};

struct session_keys {
  uint32_t index, remote_index, handle;
  double expires_at;
  const uint8_t *send_key, *receive_key;
};

// Adds a session, or replaces that of the same index. Returns false if out of memory.
bool lane_install(struct lane *lane, const struct session_keys *keys);
// Removes a session and overwrites its keys; does nothing if there is none.
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

// Segments and encrypts frames (rows: offset, length, session index, port with channel, address of the peer) into messages in
// `out` (rows as for sendUdp), adjacent for each frame so that they are sent as one. Returns the number of messages;
// `frames_done` is less than frames.count if `out` was full.
size_t lane_seal(struct lane *lane, struct bytes in, struct rows frames, struct bytes out, struct rows sealed, double now,
                 size_t *frames_done);

// Decrypts messages (rows as of receiveUdp), in place, into frames for the device (rows: offset, length, session handle
// + 1, row of the message with flags). A row of length 0 is a keepalive; one of handle 0 is a datagram that is not a
// data message, unchanged: of a relay's channel, its header included.
size_t lane_open(struct lane *lane, struct bytes in, struct rows messages, struct rows opened, double now, bool join_udp,
                 size_t *messages_done);

#endif
