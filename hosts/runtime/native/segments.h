// Super-packets: segments one of up to 64 KB into packets, and joins packets of one flow to one. The rules are those of
// core/net/offload.ts, which is the oracle of the tests. Lengths in a packet are checked against the bytes that are
// there.
#ifndef PORTREEVE_SEGMENTS_H
#define PORTREEVE_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OFFLOAD_HEADER = 10, MOST_SEGMENTS_OF_FRAME = 2048, MOST_HEADERS = 512 };

// Reasons for dropping a frame, in the order of OffloadDrop of core/net/offload.ts, from 1 on.
enum frame_drop {
  FRAME_OK,
  FRAME_SHORT,
  FRAME_UNKNOWN_OFFLOAD,
  FRAME_NOT_IP,
  FRAME_BAD_CHECKSUM_FIELD,
  FRAME_BAD_HEADERS,
  FRAME_BAD_SEGMENT_SIZE,
};

// Frame being segmented.
struct cut {
  const uint8_t *packet;
  uint32_t length;
  uint32_t headers;   // bytes of IP and transport headers; 0: the packet needs no segmentation
  uint32_t transport; // offset of the transport header
  uint32_t segment;   // payload bytes of each packet but the last
  uint32_t count;     // number of packets
  uint32_t next;
  bool tcp;
};

// Checks a frame (virtio_net header and packet) and starts to segment it. If it needs no segmentation, completes its
// checksum in place.
enum frame_drop cut_begin(struct cut *cut, uint8_t *frame, size_t length);
// Length of the next packet, and writing it to `out`: call both `cut->count` times.
uint32_t cut_length(const struct cut *cut);
void cut_next(struct cut *cut, uint8_t *out);

// Super-packet that grows in place from its first packet. The OFFLOAD_HEADER bytes before the packet are overwritten.
struct super {
  uint8_t *packet;
  uint32_t length;
  uint32_t headers; // bytes of IP and transport headers; 0: nothing can be joined to the packet
  uint32_t transport;
  uint32_t segment;
  uint32_t count;
  bool tcp, udp_allowed;
};

// Starts a super-packet with a packet of exactly `length` bytes.
void super_begin(struct super *super, uint8_t *packet, uint32_t length, bool udp_allowed);
// Appends a packet's payload. Returns false if the packet does not continue the flow.
bool super_append(struct super *super, const uint8_t *packet, uint32_t length);
// Writes the virtio_net header and the packet's own lengths and checksums. Returns whether the checksum covers the
// pseudo-header only.
bool super_end(struct super *super);

#endif
