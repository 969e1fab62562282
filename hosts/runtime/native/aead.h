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

// Before the text there must be this much room of the caller's: it is written to, and put back. The one-time key of the tag is the
// start of the same key stream as the text's, and making both at once costs a sixth less than one after the other.
enum { AEAD_ROOM = 64 };

// In place; the tag is written behind `length` bytes.
bool aead_seal(struct aead *aead, uint64_t counter, uint8_t *text, size_t length);
// From `sealed`, whose tag is behind `length` bytes and is overwritten, to `text`, which must not overlap. False where the tag is
// wrong, and the text is of no use then.
bool aead_open(struct aead *aead, uint64_t counter, uint8_t *sealed, size_t length, uint8_t *text);

#endif
