// TUN devices with segmentation offload: one read or write may carry up to 64 KB of one flow.
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TUN_F_USO4 // Linux 6.2
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { LARGEST_FRAME = 10 + 65535 }; // the virtio_net header and an IP packet

// openTun(name) -> port of a new device, down and without addresses. Its frames begin with a little-endian virtio_net
// header.
napi_value open_tun(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char name[IFNAMSIZ + 1];
  size_t length;
  if (!get_arguments(env, info, 1, arguments)) return NULL;
  if (napi_get_value_string_utf8(env, arguments[0], name, sizeof name, &length) != napi_ok || length == 0 ||
      length >= IFNAMSIZ || strlen(name) != length || strpbrk(name, "/%: \t\n") != NULL) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", "not a device name of 1 to 15 characters");
    return NULL;
  }
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return throw_errno(env, errno, "open");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
  memcpy(request.ifr_name, name, length + 1);
  if (ioctl(fd, TUNSETIFF, &request) < 0) {
    int number = errno;
    close(fd);
    return throw_errno(env, number, "TUNSETIFF");
  }
  int little_endian = 1, header_bytes = 10;
  ioctl(fd, TUNSETVNETLE, &little_endian);
  if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0) {
    int number = errno;
    close(fd);
    return throw_errno(env, number, "TUNSETVNETHDRSZ");
  }
  // TUNSETOFFLOAD takes the flags by value. Without the flag for ECN the kernel segments such flows itself.
  const unsigned long offloads[] = {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6,
                                    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6, TUN_F_CSUM, 0};
  size_t choice = 0;
  while (ioctl(fd, TUNSETOFFLOAD, offloads[choice]) < 0 && offloads[choice] != 0) choice++;
  return new_port(env, fd, PORT_TUN, (uint32_t)offloads[choice], false);
}

// tunOffloads(port) -> TUN_F_… flags in effect.
napi_value tun_offloads(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!get_arguments(env, info, 1, arguments)) return NULL;
  struct port *port = get_port(env, arguments[0], PORT_TUN);
  return port == NULL ? NULL : make_uint32(env, port->detail);
}

bool tun_fits(const struct burst *burst) { return burst->rows > 0 && burst->length >= LARGEST_FRAME; }

int tun_read(struct port *port, struct burst *burst) {
  size_t at = 0;
  int count = 0;
  if (!tun_fits(burst)) return -EINVAL;
  while ((size_t)count < burst->rows && burst->length - at >= LARGEST_FRAME) {
    ssize_t length = read(port->fd, burst->bytes + at, LARGEST_FRAME);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || count > 0) break; // the next call reports the error
      return -errno;
    }
    uint32_t *row = burst->table + (size_t)count++ * TUN_ROW;
    row[0] = (uint32_t)at;
    row[1] = (uint32_t)length;
    row[2] = 0;
    at += (size_t)length;
    at = (at + 7) & ~(size_t)7; // aligned for wide reads
    if (at > burst->length) break;
  }
  return count;
}

// readTun(port, bytes, table) -> frames read. Rows: offset, length, 0. Stops if another frame of maximum length would
// not fit.
napi_value read_tun(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct burst burst;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct port *port = get_port(env, arguments[0], PORT_TUN);
  if (port == NULL || !get_burst(env, arguments[1], arguments[2], TUN_ROW, &burst)) return NULL;
  int count = tun_read(port, &burst);
  return count < 0 ? throw_errno(env, -count, "read") : make_uint32(env, (uint32_t)count);
}

// writeTun(port, bytes, table, count) -> frames written. Rows: offset, length; the third word becomes 0 or the errno.
napi_value write_tun(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  struct burst burst;
  uint32_t count, written = 0;
  if (!get_arguments(env, info, 4, arguments)) return NULL;
  struct port *port = get_port(env, arguments[0], PORT_TUN);
  if (port == NULL || !get_burst(env, arguments[1], arguments[2], TUN_ROW, &burst)) return NULL;
  if (!get_uint32(env, arguments[3], &count)) return NULL;
  if (count > burst.rows) return throw_errno(env, EINVAL, "write");
  for (uint32_t index = 0; index < count; index++) {
    uint32_t *row = burst.table + (size_t)index * TUN_ROW;
    if ((uint64_t)row[0] + row[1] > burst.length) {
      row[2] = EINVAL;
      continue;
    }
    ssize_t result;
    do result = write(port->fd, burst.bytes + row[0], row[1]);
    while (result < 0 && errno == EINTR);
    row[2] = result < 0 ? (uint32_t)errno : 0;
    if (result >= 0) written++;
  }
  return make_uint32(env, written);
}
