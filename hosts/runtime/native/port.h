// Portreeve's native addon: TUN devices and UDP sockets in bursts of packets, driven by the event loop that loads it.
//
// JavaScript holds a *port*: an opaque object that owns a descriptor and its uv_poll handle. A burst of packets is
// passed as one flat buffer of bytes and one flat table of 32-bit words with the place of each packet, so that it takes
// one call for any number of packets. The same functions serve the main thread and a worker. Everything from JavaScript
// is checked: a wrong argument is an exception, never a crash. A failed system call is an exception with `code` (EPERM
// …) and `syscall`.
//
// A lane (lane.c) encrypts between read_tun and send_udp, and decrypts between receive_udp and write_tun, in the same
// buffers and tables.
#ifndef PORTREEVE_PORT_H
#define PORTREEVE_PORT_H

#include "value.h"

enum port_kind { PORT_TUN = 1, PORT_UDP = 2 };

struct port {
  int fd;
  enum port_kind kind;
  uint32_t detail; // TUN: TUN_F_ flags in effect. UDP: address family, 4 or 6.
  bool segments;   // UDP: whether UDP_SEGMENT may be tried
};

enum { TUN_ROW = 3, UDP_ROW = 8 };

// Whether a burst has room for at least one frame or message of maximum length.
bool tun_fits(const struct burst *burst);
bool udp_fits(const struct burst *burst);
// Read a burst without waiting and return the number of its rows, or a negative errno.
int tun_read(struct port *port, struct burst *burst);
int udp_receive(struct port *port, struct burst *burst);

// Returns the open port of a JavaScript object if it is of a kind (0: any); NULL with a pending exception.
struct port *get_port(napi_env env, napi_value value, int kind);

// Creates the JavaScript object of a port, which owns `fd`; closes `fd` on failure.
napi_value new_port(napi_env env, int fd, enum port_kind kind, uint32_t detail, bool segments);

napi_value boot_time(napi_env env, napi_callback_info info);
napi_value notify(napi_env env, napi_callback_info info);

napi_value watch(napi_env env, napi_callback_info info);
napi_value close_port(napi_env env, napi_callback_info info);

napi_value open_port_set(napi_env env, napi_callback_info info);
napi_value wait_ports(napi_env env, napi_callback_info info);
napi_value close_port_set(napi_env env, napi_callback_info info);

napi_value open_tun(napi_env env, napi_callback_info info);
napi_value tun_offloads(napi_env env, napi_callback_info info);
napi_value read_tun(napi_env env, napi_callback_info info);
napi_value write_tun(napi_env env, napi_callback_info info);

napi_value create_lane(napi_env env, napi_callback_info info);
napi_value cipher(napi_env env, napi_callback_info info);
napi_value choose_cipher(napi_env env, napi_callback_info info);
napi_value install_keys(napi_env env, napi_callback_info info);
napi_value remove_keys(napi_env env, napi_callback_info info);
napi_value seal(napi_env env, napi_callback_info info);
napi_value open_sealed(napi_env env, napi_callback_info info);
napi_value lane_drops(napi_env env, napi_callback_info info);

napi_value open_udp(napi_env env, napi_callback_info info);
napi_value udp_port(napi_env env, napi_callback_info info);
napi_value udp_buffer(napi_env env, napi_callback_info info);
napi_value receive_udp(napi_env env, napi_callback_info info);
napi_value send_udp(napi_env env, napi_callback_info info);
napi_value send_probe(napi_env env, napi_callback_info info);
napi_value open_tcp(napi_env env, napi_callback_info info);
napi_value bind_tcp(napi_env env, napi_callback_info info);
napi_value open_datagram(napi_env env, napi_callback_info info);

#endif
