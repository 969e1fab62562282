// Reads and writes big-endian and little-endian numbers at any address, aligned or not.
#ifndef PORTREEVE_BYTES_H
#define PORTREEVE_BYTES_H

#include <stdint.h>

static inline uint32_t big16(const uint8_t *bytes) { return (uint32_t)bytes[0] << 8 | bytes[1]; }
static inline uint32_t big32(const uint8_t *bytes) { return big16(bytes) << 16 | big16(bytes + 2); }
static inline uint32_t little16(const uint8_t *bytes) { return (uint32_t)bytes[1] << 8 | bytes[0]; }
static inline uint32_t little32(const uint8_t *bytes) { return little16(bytes + 2) << 16 | little16(bytes); }
static inline uint64_t little64(const uint8_t *bytes) { return (uint64_t)little32(bytes + 4) << 32 | little32(bytes); }

static inline void put_big16(uint8_t *bytes, uint32_t value) {
  bytes[0] = (uint8_t)(value >> 8);
  bytes[1] = (uint8_t)value;
}

static inline void put_big32(uint8_t *bytes, uint32_t value) {
  put_big16(bytes, value >> 16);
  put_big16(bytes + 2, value);
}

static inline void put_little16(uint8_t *bytes, uint32_t value) {
  bytes[0] = (uint8_t)value;
  bytes[1] = (uint8_t)(value >> 8);
}

static inline void put_little32(uint8_t *bytes, uint32_t value) {
  put_little16(bytes, value);
  put_little16(bytes + 2, value >> 16);
}

static inline void put_little64(uint8_t *bytes, uint64_t value) {
  put_little32(bytes, (uint32_t)value);
  put_little32(bytes + 4, (uint32_t)(value >> 32));
}

#endif
