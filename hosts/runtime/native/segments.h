// Super-packets: one of up to 64 KB cut into the packets that it stands for, and packets of one flow joined to one. The same rules as
// core/net/offload.ts, which is the oracle that this is tested against. Nothing in a packet is believed beyond the bytes that are there.
#ifndef PORTREEVE_SEGMENTS_H
#define PORTREEVE_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OFFLOAD_HEADER = 10, MOST_SEGMENTS_OF_FRAME = 2048, MOST_HEADERS = 512 };

// Why a frame was dropped: the order of core/net/offload.ts's OffloadDrop, from 1 on.
enum frame_drop {
  FRAME_OK,
  FRAME_SHORT,
  FRAME_UNKNOWN_OFFLOAD,
  FRAME_NOT_IP,
  FRAME_BAD_CHECKSUM_FIELD,
  FRAME_BAD_HEADERS,
  FRAME_BAD_SEGMENT_SIZE,
};

struct cut {
  const uint8_t *packet;
  uint32_t length;
  uint32_t headers;   // of IP and transport; 0: the packet stands for itself
  uint32_t transport; // where its header begins
  uint32_t segment;   // payload bytes of all packets but the last
  uint32_t count;     // packets to come out
  uint32_t next;
  bool tcp;
};

// Checks a frame, a virtio_net header and a packet. Completes the checksum of one that needs no cutting, in place.
enum frame_drop cut_begin(struct cut *cut, uint8_t *frame, size_t length);
// How long the next packet is, and that packet: `cut->count` times.
uint32_t cut_length(const struct cut *cut);
void cut_next(struct cut *cut, uint8_t *out);

// A packet that others are joined to, where it lies. OFFLOAD_HEADER bytes before it are ours to write.
struct super {
  uint8_t *packet;
  uint32_t length;
  uint32_t headers; // 0: nothing can be joined to it
  uint32_t transport;
  uint32_t segment;
  uint32_t count;
  bool tcp, udp_allowed;
};

// Begins with a packet of exactly `length` bytes.
void super_begin(struct super *super, uint8_t *packet, uint32_t length, bool udp_allowed);
// Joins a packet by copying its payload behind. False where it is none of the flow's next.
bool super_append(struct super *super, const uint8_t *packet, uint32_t length);
// Writes the virtio_net header before it, and fixes its own. Returns whether its checksum is the pseudo-header's sum only.
bool super_end(struct super *super);

#endif
