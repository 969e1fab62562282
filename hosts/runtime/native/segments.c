// See segments.h.
#include "segments.h"
#include "bytes.h"

#include <string.h>

enum { TCP = 6, UDP = 17, FIN = 1, PSH = 8, ACK = 16, CWR = 128 };
enum { NEEDS_CHECKSUM = 1, GSO_NONE = 0, GSO_TCP_IPV4 = 1, GSO_TCP_IPV6 = 4, GSO_UDP = 5, GSO_ECN = 0x80 };
enum { LARGEST = 65535, MOST_JOINED_UDP = 64 };

// Checksums take half the time in wide registers; the processor's are detected once, when the addon is loaded.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

// Adds bytes to an Internet checksum. RFC 1071: the sum does not depend on the byte order, so it adds the machine's own
// words and is swapped once, at the end. An odd byte counts as if a zero followed. The loop is simple so that the
// compiler uses wide registers.
WIDE static uint64_t sum_bytes(const uint8_t *bytes, size_t length, uint64_t sum) {
  size_t words = length / 4;
  for (size_t word = 0; word < words; word++) {
    uint32_t value;
    memcpy(&value, bytes + word * 4, sizeof value);
    sum += value;
  }
  uint8_t rest[4] = {0};
  memcpy(rest, bytes + words * 4, length % 4);
  uint32_t value;
  memcpy(&value, rest, sizeof value);
  return sum + value;
}

// Adds a number in network byte order to a sum of `sum_bytes`.
static uint64_t sum_number(uint32_t number, uint64_t sum) {
  uint8_t bytes[4];
  put_big32(bytes, number);
  return sum_bytes(bytes, sizeof bytes, sum);
}

// Folds a sum to 16 bits, in the byte order of a header field.
static uint32_t fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  uint16_t folded = (uint16_t)sum;
  uint8_t bytes[2];
  memcpy(bytes, &folded, sizeof bytes);
  return big16(bytes);
}

static uint64_t pseudo_header(const uint8_t *packet, uint32_t protocol, uint32_t length) {
  bool ipv4 = packet[0] >> 4 == 4;
  return sum_number(protocol, sum_number(length, sum_bytes(packet + (ipv4 ? 12 : 8), ipv4 ? 8 : 32, 0)));
}

static void complete_ipv4_header(uint8_t *packet, uint32_t bytes) {
  put_big16(packet + 10, 0);
  put_big16(packet + 10, ~fold(sum_bytes(packet, bytes, 0)) & 0xffff);
}

enum frame_drop cut_begin(struct cut *cut, uint8_t *frame, size_t frame_length) {
  if (frame_length < OFFLOAD_HEADER) return FRAME_SHORT;
  uint8_t *packet = frame + OFFLOAD_HEADER;
  size_t length = frame_length - OFFLOAD_HEADER;
  uint32_t version = length == 0 ? 0 : packet[0] >> 4;
  bool ipv4 = version == 4;
  if (length > LARGEST + 40 || !((ipv4 && length >= 20) || (version == 6 && length >= 40))) return FRAME_NOT_IP;
  *cut = (struct cut){.packet = packet, .length = (uint32_t)length, .count = 1};
  bool needs_checksum = (frame[0] & NEEDS_CHECKSUM) != 0;
  if (frame[1] == GSO_NONE && !needs_checksum) return FRAME_OK;
  uint32_t kind = frame[1] & ~GSO_ECN;
  if (kind != GSO_NONE && kind != GSO_TCP_IPV4 && kind != GSO_TCP_IPV6 && kind != GSO_UDP) return FRAME_UNKNOWN_OFFLOAD;
  uint32_t segment = little16(frame + 4), start = little16(frame + 6), offset = little16(frame + 8);
  if (kind == GSO_NONE) {
    if ((size_t)start + offset + 2 > length) return FRAME_BAD_CHECKSUM_FIELD;
    uint32_t checksum = start > length ? 0xffff : ~fold(sum_bytes(packet + start, length - start, 0)) & 0xffff;
    // RFC 768: a UDP checksum of zero means that there is none.
    put_big16(packet + start + offset, checksum == 0 && offset == 6 ? 0xffff : checksum);
    return FRAME_OK;
  }
  bool tcp = kind != GSO_UDP;
  uint32_t least = tcp ? 20 : 8;
  if (!needs_checksum || offset != (tcp ? 16u : 6u)) return FRAME_BAD_CHECKSUM_FIELD;
  if (tcp && ipv4 != (kind == GSO_TCP_IPV4)) return FRAME_BAD_HEADERS;
  if (ipv4 ? start != (packet[0] & 15u) * 4 || start < 20 : start < 40) return FRAME_BAD_HEADERS;
  if (start + least > length) return FRAME_BAD_HEADERS;
  uint32_t transport_bytes = tcp ? (packet[start + 12] >> 4) * 4u : least;
  uint32_t headers = start + transport_bytes;
  if (transport_bytes < least || headers > length || headers > MOST_HEADERS) return FRAME_BAD_HEADERS;
  uint32_t payload = (uint32_t)length - headers;
  if (segment == 0) return FRAME_BAD_SEGMENT_SIZE;
  uint32_t count = payload == 0 ? 1 : (payload + segment - 1) / segment;
  if (count > MOST_SEGMENTS_OF_FRAME) return FRAME_BAD_SEGMENT_SIZE;
  if (headers + (segment < payload ? segment : payload) > LARGEST) return FRAME_BAD_SEGMENT_SIZE;
  cut->headers = headers;
  cut->transport = start;
  cut->segment = segment;
  cut->count = count;
  cut->tcp = tcp;
  return FRAME_OK;
}

uint32_t cut_length(const struct cut *cut) {
  if (cut->headers == 0) return cut->length;
  uint32_t from = cut->headers + cut->next * cut->segment;
  return cut->headers + (cut->length - from < cut->segment ? cut->length - from : cut->segment);
}

void cut_next(struct cut *cut, uint8_t *out) {
  uint32_t length = cut_length(cut), index = cut->next++, transport = cut->transport;
  if (cut->headers == 0) {
    memcpy(out, cut->packet, length);
    return;
  }
  memcpy(out, cut->packet, cut->headers);
  memcpy(out + cut->headers, cut->packet + cut->headers + index * cut->segment, length - cut->headers);
  if (out[0] >> 4 == 4) {
    put_big16(out + 2, length);
    put_big16(out + 4, big16(out + 4) + index);
    complete_ipv4_header(out, transport);
  } else {
    put_big16(out + 4, length - 40);
  }
  uint8_t *header = out + transport;
  uint8_t *checksum = header + (cut->tcp ? 16 : 6);
  if (cut->tcp) {
    put_big32(header + 4, big32(header + 4) + index * cut->segment);
    // FIN and PSH are set on the last segment only, CWR on the first only (RFC 3168 §6.1.2).
    if (index + 1 < cut->count) header[13] &= (uint8_t) ~(FIN | PSH);
    if (index > 0) header[13] &= (uint8_t)~CWR;
  } else {
    put_big16(header + 4, length - transport);
  }
  put_big16(checksum, 0);
  uint64_t sum = pseudo_header(out, cut->tcp ? TCP : UDP, length - transport);
  uint32_t value = ~fold(sum_bytes(header, length - transport, sum)) & 0xffff;
  put_big16(checksum, value == 0 && !cut->tcp ? 0xffff : value);
}

// Fills in the fields of a packet that may be joined with others: TCP with ACK and perhaps PSH, or UDP; no fragment,
// IPv4 options or IPv6 extension headers; with data and correct checksums, because the super-packet's new checksum
// would hide a corrupted packet.
static void classify(struct super *super, const uint8_t *packet, uint32_t length) {
  bool ipv4 = packet[0] >> 4 == 4;
  uint32_t transport = ipv4 ? 20 : 40, protocol = packet[ipv4 ? 9 : 6];
  super->headers = 0;
  if (length < transport + 8 || (ipv4 && packet[0] != 0x45)) return;
  if (ipv4 && ((big16(packet + 6) & 0xbfff) != 0 || big16(packet + 2) != length)) return;
  if (!ipv4 && big16(packet + 4) + 40 != length) return;
  const uint8_t *header = packet + transport;
  uint32_t headers = transport + 8;
  if (protocol == TCP) {
    if (length < transport + 20) return;
    headers = transport + (header[12] >> 4) * 4u;
    if (headers < transport + 20 || (header[12] & 15) != 0 || (header[13] & ~PSH) != ACK) return;
  } else if (protocol != UDP || !super->udp_allowed || big16(header + 4) != length - transport || big16(header + 6) == 0) {
    return;
  }
  if (headers >= length) return;
  if (ipv4 && fold(sum_bytes(packet, 20, 0)) != 0xffff) return;
  if (fold(sum_bytes(header, length - transport, pseudo_header(packet, protocol, length - transport))) != 0xffff) return;
  super->headers = headers;
  super->transport = transport;
  super->segment = length - headers;
  super->tcp = protocol == TCP;
}

void super_begin(struct super *super, uint8_t *packet, uint32_t length, bool udp_allowed) {
  *super = (struct super){.packet = packet, .length = length, .count = 1, .udp_allowed = udp_allowed};
  classify(super, packet, length);
}

// Whether a packet continues the super-packet's flow: all header fields are equal but lengths, checksums, PSH and the
// numbers that count up (IPv4 id, TCP sequence number), which must be the next.
static bool same_flow(const struct super *super, const uint8_t *packet) {
  const uint8_t *first = super->packet, *a = first + super->transport, *b = packet + super->transport;
  if (first[0] >> 4 == 4) {
    if (memcmp(first, packet, 2) != 0 || memcmp(first + 6, packet + 6, 4) != 0 || memcmp(first + 12, packet + 12, 8) != 0)
      return false;
    // With DF set the IPv4 id has no meaning (RFC 6864 §4).
    if ((first[6] & 0x40) == 0 && big16(packet + 4) != ((big16(first + 4) + super->count) & 0xffff)) return false;
  } else if (memcmp(first, packet, 4) != 0 || memcmp(first + 6, packet + 6, 34) != 0) {
    return false;
  }
  if (!super->tcp) return memcmp(a, b, 4) == 0;
  return memcmp(a, b, 4) == 0 && big32(b + 4) == big32(a + 4) + (super->length - super->headers) &&
         memcmp(a + 8, b + 8, 5) == 0 && ((a[13] ^ b[13]) & ~PSH) == 0 && memcmp(a + 14, b + 14, 2) == 0 &&
         memcmp(a + 18, b + 18, super->headers - super->transport - 18) == 0;
}

bool super_append(struct super *super, const uint8_t *packet, uint32_t length) {
  struct super next = {.udp_allowed = super->udp_allowed};
  // A segment that is shorter than the first, or has PSH, is the last of its super-packet.
  if (super->headers == 0 || super->length != super->headers + super->count * super->segment) return false;
  if (super->tcp && (super->packet[super->transport + 13] & PSH) != 0) return false;
  if (!super->tcp && super->count == MOST_JOINED_UDP) return false;
  if (length < super->headers || (packet[0] ^ super->packet[0]) >> 4 != 0 || !same_flow(super, packet)) return false;
  classify(&next, packet, length);
  if (next.headers != super->headers || next.tcp != super->tcp || next.segment > super->segment) return false;
  if (super->length + next.segment > LARGEST) return false;
  if (super->tcp) super->packet[super->transport + 13] |= packet[super->transport + 13] & PSH;
  memcpy(super->packet + super->length, packet + next.headers, next.segment);
  super->length += next.segment;
  super->count++;
  return true;
}

bool super_end(struct super *super) {
  uint8_t *packet = super->packet, *frame = packet - OFFLOAD_HEADER;
  memset(frame, 0, OFFLOAD_HEADER);
  if (super->count == 1) return false;
  bool ipv4 = packet[0] >> 4 == 4;
  uint32_t transport = super->transport, checksum = super->tcp ? 16 : 6;
  if (ipv4) {
    put_big16(packet + 2, super->length);
    complete_ipv4_header(packet, transport);
  } else {
    put_big16(packet + 4, super->length - 40);
  }
  if (!super->tcp) put_big16(packet + transport + 4, super->length - transport);
  // The pseudo-header's sum, not its complement: whoever segments the super-packet completes the checksum.
  uint64_t sum = pseudo_header(packet, super->tcp ? TCP : UDP, super->length - transport);
  put_big16(packet + transport + checksum, fold(sum));
  frame[0] = NEEDS_CHECKSUM;
  frame[1] = !super->tcp ? GSO_UDP : ipv4 ? GSO_TCP_IPV4 : GSO_TCP_IPV6;
  put_little16(frame + 2, super->headers);
  put_little16(frame + 4, super->segment);
  put_little16(frame + 6, transport);
  put_little16(frame + 8, checksum);
  return true;
}
