// See aead.h. The declarations are those of OpenSSL 1.1.1 and 3.x.
#include "aead.h"
#include "bytes.h"

#include <dlfcn.h>
#include <string.h>

enum { SET_TAG = 0x11, GET_TAG = 0x10, POLY1305_STATE = 512, ONE_TIME_KEY = 32 };

typedef int crypt_init(void *context, const void *cipher, void *engine, const uint8_t *key, const uint8_t *nonce);
typedef int crypt_update(void *context, uint8_t *out, int *out_length, const uint8_t *in, int length);
typedef int crypt_final(void *context, uint8_t *out, int *out_length);

static struct {
  const void *(*cipher)(void);
  void *(*context_new)(void);
  void (*context_free)(void *context);
  int (*control)(void *context, int type, int argument, void *pointer);
  crypt_init *encrypt_init, *decrypt_init;
  crypt_update *encrypt_update, *decrypt_update;
  crypt_final *encrypt_final, *decrypt_final;
} evp;

static struct {
  void (*chacha20)(uint8_t *out, const uint8_t *in, size_t length, const uint32_t key[8], const uint32_t counter[4]);
  size_t (*state_size)(void);
  void (*init)(void *state, const uint8_t key[32]);
  void (*update)(void *state, const uint8_t *in, size_t length);
  void (*final)(void *state, uint8_t tag[16]);
} raw;

static enum aead_kind best = AEAD_NONE, chosen = AEAD_NONE;
static bool loaded;

// Encrypts or decrypts the text and derives the one-time Poly1305 key. RFC 8439 §2.8: block 0 of the key stream begins
// with that key, and the text uses the blocks from 1 on. One call does both: zeros put before the text become block 0.
static void raw_crypt(const struct aead *aead, uint64_t counter, uint8_t *text, size_t length, uint8_t key[ONE_TIME_KEY]) {
  const uint32_t nonce[4] = {0, 0, (uint32_t)counter, (uint32_t)(counter >> 32)};
  uint8_t *first = text - AEAD_ROOM, kept[AEAD_ROOM];
  memcpy(kept, first, sizeof kept);
  memset(first, 0, AEAD_ROOM);
  raw.chacha20(first, first, AEAD_ROOM + length, aead->key, nonce);
  memcpy(key, first, ONE_TIME_KEY);
  memcpy(first, kept, sizeof kept);
}

// Computes the tag. RFC 8439 §2.8. The lengths are written behind the text, in the place of the tag, so that most
// packets need one update.
static void raw_tag(const uint8_t key[ONE_TIME_KEY], uint8_t *sealed, size_t length, uint8_t tag[AEAD_TAG]) {
  static const uint8_t zeros[16];
  _Alignas(64) uint8_t state[POLY1305_STATE];
  size_t once = length % 16 == 0 ? length + AEAD_TAG : length;
  memset(sealed + length, 0, 8);
  put_little64(sealed + length + 8, length);
  raw.init(state, key);
  raw.update(state, sealed, once);
  if (once == length) {
    raw.update(state, zeros, 16 - length % 16);
    raw.update(state, sealed + length, AEAD_TAG);
  }
  raw.final(state, tag);
}

bool aead_init(struct aead *aead, const uint8_t key[AEAD_KEY], bool seals) {
  for (int word = 0; word < 8; word++) aead->key[word] = little32(key + 4 * word);
  aead->context = NULL;
  if (chosen == AEAD_RAW) return true;
  if (chosen == AEAD_NONE || (aead->context = evp.context_new()) == NULL) return false;
  crypt_init *init = seals ? evp.encrypt_init : evp.decrypt_init;
  if (init(aead->context, evp.cipher(), NULL, key, NULL) == 1) return true;
  aead_clear(aead);
  return false;
}

void aead_clear(struct aead *aead) {
  if (aead->context != NULL) evp.context_free(aead->context); // overwrites the context's copy of the key
  aead->context = NULL;
  volatile uint32_t *key = aead->key;
  for (int word = 0; word < 8; word++) key[word] = 0;
}

bool aead_seal(struct aead *aead, uint64_t counter, uint8_t *text, size_t length) {
  uint8_t nonce[12] = {0}, key[ONE_TIME_KEY], tag[AEAD_TAG];
  int written = 0;
  if (aead->context == NULL) {
    raw_crypt(aead, counter, text, length, key);
    raw_tag(key, text, length, tag);
    memcpy(text + length, tag, sizeof tag);
    return true;
  }
  put_little64(nonce + 4, counter);
  return evp.encrypt_init(aead->context, NULL, NULL, NULL, nonce) == 1 &&
         (length == 0 || evp.encrypt_update(aead->context, text, &written, text, (int)length) == 1) &&
         evp.encrypt_final(aead->context, text + written, &written) == 1 &&
         evp.control(aead->context, GET_TAG, AEAD_TAG, text + length) == 1;
}

bool aead_open(struct aead *aead, uint64_t counter, uint8_t *sealed, size_t length, uint8_t *text) {
  uint8_t nonce[12] = {0}, key[ONE_TIME_KEY], given[AEAD_TAG], tag[AEAD_TAG], difference = 0;
  int written = 0;
  if (aead->context == NULL) {
    memcpy(text, sealed, length);
    memcpy(given, sealed + length, sizeof given);
    raw_crypt(aead, counter, text, length, key);
    raw_tag(key, sealed, length, tag);
    for (int at = 0; at < AEAD_TAG; at++) difference |= tag[at] ^ given[at]; // in constant time
    return difference == 0;
  }
  put_little64(nonce + 4, counter);
  return evp.decrypt_init(aead->context, NULL, NULL, NULL, nonce) == 1 &&
         evp.control(aead->context, SET_TAG, AEAD_TAG, sealed + length) == 1 &&
         (length == 0 || evp.decrypt_update(aead->context, text, &written, sealed, (int)length) == 1) &&
         evp.decrypt_final(aead->context, text + written, &written) == 1;
}

// RFC 8439 §2.4.2, whose nonce has the form of WireGuard's. The tag was computed for the same text without associated
// data.
static bool passes_text_vector(void) {
  static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
                             "sunscreen would be it.";
  static const uint8_t sealed[] = {
      0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80, 0x41, 0xba, 0x07, 0x28, 0xdd, 0x0d, 0x69, 0x81, 0xe9, 0x7e, 0x7a,
      0xec, 0x1d, 0x43, 0x60, 0xc2, 0x0a, 0x27, 0xaf, 0xcc, 0xfd, 0x9f, 0xae, 0x0b, 0xf9, 0x1b, 0x65, 0xc5, 0x52, 0x47,
      0x33, 0xab, 0x8f, 0x59, 0x3d, 0xab, 0xcd, 0x62, 0xb3, 0x57, 0x16, 0x39, 0xd6, 0x24, 0xe6, 0x51, 0x52, 0xab, 0x8f,
      0x53, 0x0c, 0x35, 0x9f, 0x08, 0x61, 0xd8, 0x07, 0xca, 0x0d, 0xbf, 0x50, 0x0d, 0x6a, 0x61, 0x56, 0xa3, 0x8e, 0x08,
      0x8a, 0x22, 0xb6, 0x5e, 0x52, 0xbc, 0x51, 0x4d, 0x16, 0xcc, 0xf8, 0x06, 0x81, 0x8c, 0xe9, 0x1a, 0xb7, 0x79, 0x37,
      0x36, 0x5a, 0xf9, 0x0b, 0xbf, 0x74, 0xa3, 0x5b, 0xe6, 0xb4, 0x0b, 0x8e, 0xed, 0xf2, 0x78, 0x5e, 0x42, 0x87, 0x4d,
      0x81, 0xdb, 0x63, 0xfc, 0xb1, 0x89, 0xa0, 0x31, 0x21, 0xae, 0x0a, 0xc7, 0x2a, 0x3f, 0x1f, 0x36};
  uint8_t key[AEAD_KEY], room[2 * (AEAD_ROOM + sizeof sealed)], *bytes = room + AEAD_ROOM, *opened = bytes + sizeof sealed + AEAD_ROOM;
  struct aead sealing, opening;
  for (int at = 0; at < AEAD_KEY; at++) key[at] = (uint8_t)at;
  memcpy(bytes, text, sizeof text - 1);
  if (!aead_init(&sealing, key, true)) return false;
  if (!aead_init(&opening, key, false)) {
    aead_clear(&sealing);
    return false;
  }
  bool passes = aead_seal(&sealing, 0x4a000000, bytes, sizeof text - 1) && memcmp(bytes, sealed, sizeof sealed) == 0 &&
                aead_open(&opening, 0x4a000000, bytes, sizeof text - 1, opened) && memcmp(opened, text, sizeof text - 1) == 0;
  memcpy(bytes, sealed, sizeof sealed);
  bytes[7] ^= 1;
  passes = passes && !aead_open(&opening, 0x4a000000, bytes, sizeof text - 1, opened);
  aead_clear(&sealing);
  aead_clear(&opening);
  return passes;
}

// RFC 8439 §2.5.2
static bool passes_poly1305_vector(void) {
  static const uint8_t key[32] = {0x85, 0xd6, 0xbe, 0x78, 0x57, 0x55, 0x6d, 0x33, 0x7f, 0x44, 0x52,
                                  0xfe, 0x42, 0xd5, 0x06, 0xa8, 0x01, 0x03, 0x80, 0x8a, 0xfb, 0x0d,
                                  0xb2, 0xfd, 0x4a, 0xbf, 0xf6, 0xaf, 0x41, 0x49, 0xf5, 0x1b};
  static const uint8_t wanted[16] = {0xa8, 0x06, 0x1d, 0xc1, 0x30, 0x51, 0x36, 0xc6,
                                     0xc2, 0x2b, 0x8b, 0xaf, 0x0c, 0x01, 0x27, 0xa9};
  static const char text[] = "Cryptographic Forum Research Group";
  _Alignas(64) uint8_t state[POLY1305_STATE];
  uint8_t tag[16];
  if (raw.state_size() > sizeof state) return false;
  raw.init(state, key);
  raw.update(state, (const uint8_t *)text, sizeof text - 1);
  raw.final(state, tag);
  return memcmp(tag, wanted, sizeof tag) == 0;
}

static bool find(const char *name, void *function) {
  void *symbol = dlsym(RTLD_DEFAULT, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

enum aead_kind aead_choose(enum aead_kind kind) {
  if (kind <= best) chosen = kind;
  return chosen;
}

enum aead_kind aead_load(void) {
  if (loaded) return best;
  loaded = true;
  bool has_evp = find("EVP_chacha20_poly1305", &evp.cipher) && find("EVP_CIPHER_CTX_new", &evp.context_new) &&
                 find("EVP_CIPHER_CTX_free", &evp.context_free) && find("EVP_CIPHER_CTX_ctrl", &evp.control) &&
                 find("EVP_EncryptInit_ex", &evp.encrypt_init) && find("EVP_DecryptInit_ex", &evp.decrypt_init) &&
                 find("EVP_EncryptUpdate", &evp.encrypt_update) && find("EVP_DecryptUpdate", &evp.decrypt_update) &&
                 find("EVP_EncryptFinal_ex", &evp.encrypt_final) && find("EVP_DecryptFinal_ex", &evp.decrypt_final);
  if (has_evp) {
    chosen = AEAD_EVP;
    if (passes_text_vector()) best = AEAD_EVP;
  }
  bool has_raw = find("ChaCha20_ctr32", &raw.chacha20) && find("Poly1305_ctx_size", &raw.state_size) &&
                 find("Poly1305_Init", &raw.init) && find("Poly1305_Update", &raw.update) &&
                 find("Poly1305_Final", &raw.final);
  if (best == AEAD_EVP && has_raw && passes_poly1305_vector()) {
    chosen = AEAD_RAW;
    if (passes_text_vector()) best = AEAD_RAW;
  }
  chosen = best;
  return best;
}
