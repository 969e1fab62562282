// ChaCha20-Poly1305 (RFC 8439) with WireGuard's nonces and no associated data, from the OpenSSL that is in this process already.
//
// The symbols are looked up at run time: Node's own binaries have all of OpenSSL, a Node of a distribution has the public EVP
// interface of the system's library. OpenSSL's own primitives below EVP cost two thirds of it for packets of this size; they are
// used only where all of them are there and give what the RFC's vectors say.
#ifndef PORTREEVE_AEAD_H
#define PORTREEVE_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aead_kind { AEAD_NONE, AEAD_EVP, AEAD_RAW };
enum { AEAD_KEY = 32, AEAD_TAG = 16 };

struct aead {
  uint32_t key[8];
  void *context; // EVP's, reused for packet after packet; one direction only
};

// The best kind that passes its vectors. Not thread-safe the first time: called when the addon is loaded.
enum aead_kind aead_load(void);
// For tests: makes the next contexts be of that kind, if it is there.
enum aead_kind aead_choose(enum aead_kind kind);

bool aead_init(struct aead *aead, const uint8_t key[AEAD_KEY], bool seals);
// Overwrites the key.
void aead_clear(struct aead *aead);

// In place; the tag is written behind `length` bytes.
bool aead_seal(struct aead *aead, uint64_t counter, uint8_t *bytes, size_t length);
// In place; the tag is behind `length` bytes. False where it is wrong, and the bytes are of no use then.
bool aead_open(struct aead *aead, uint64_t counter, uint8_t *bytes, size_t length);

#endif
