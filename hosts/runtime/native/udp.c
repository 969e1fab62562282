// UDP sockets in bursts: recvmmsg with UDP_GRO, sendmmsg with UDP_SEGMENT. Also opens marked and device-bound sockets
// for Node.
#include "port.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  MESSAGES = 32,           // per system call
  SLOT = 65536,            // bytes for one received message, which may be 64 datagrams joined by the kernel
  MOST_SEGMENTS = 64,      // UDP_MAX_SEGMENTS of kernels before 6.9
  MOST_BYTES = 65507,      // payload of one message, limited by IPv4
  SOCKET_BUFFER = 7 << 20, // some 50 ms at 1 Gbit/s
};

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

// Fills in a socket address from a row of a table: offset, length, detail, port, address in four words (IPv4 in the
// first). The detail of a received message is the size of the segments joined by the kernel; after sending it is 0 or
// the errno.
static socklen_t address_of(const struct port *port, const uint32_t *row, union address *address) {
  memset(address, 0, sizeof *address);
  if (port->detail == 4) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons((uint16_t)row[3]);
    address->v4.sin_addr.s_addr = htonl(row[4]);
    return sizeof address->v4;
  }
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = htons((uint16_t)row[3]);
  for (int word = 0; word < 4; word++) address->v6.sin6_addr.s6_addr32[word] = htonl(row[4 + word]);
  return sizeof address->v6;
}

static void fill_address(const union address *address, uint32_t *row) {
  memset(row + 3, 0, 5 * sizeof *row);
  if (address->any.sa_family == AF_INET) {
    row[3] = ntohs(address->v4.sin_port);
    row[4] = ntohl(address->v4.sin_addr.s_addr);
  } else if (address->any.sa_family == AF_INET6) {
    row[3] = ntohs(address->v6.sin6_port);
    for (int word = 0; word < 4; word++) row[4 + word] = ntohl(address->v6.sin6_addr.s6_addr32[word]);
  }
}

static void set_buffer(int fd, int forced, int plain) {
  int size = SOCKET_BUFFER;
  if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) < 0) setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

// Opens a socket of family 4 or 6 with an SO_MARK (0: none). Returns -1 with errno on failure.
static int open_socket(uint32_t family, int type, uint32_t mark) {
  int one = 1;
  int fd = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if ((family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) ||
      (mark != 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) < 0)) {
    int number = errno;
    close(fd);
    errno = number;
    return -1;
  }
  return fd;
}

static bool get_family(napi_env env, napi_value value, uint32_t *family) {
  if (!get_uint32(env, value, family)) return false;
  if (*family == 4 || *family == 6) return true;
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", "the family is 4 or 6");
  return false;
}

// openUdp(family, row, mark) -> port of a UDP socket bound to the row's address and port.
napi_value open_udp(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct burst burst;
  union address address;
  uint32_t family, mark;
  int one = 1;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  if (!get_family(env, arguments[0], &family) || !get_uint32(env, arguments[2], &mark)) return NULL;
  if (!get_table(env, arguments[1], UDP_ROW, &burst)) return NULL;
  if (burst.rows < 1) return throw_errno(env, EINVAL, "bind");
  int fd = open_socket(family, SOCK_DGRAM, mark);
  if (fd < 0) return throw_errno(env, errno, "socket");
  set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
  setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one); // fails before Linux 5.0, where datagrams are received one by one
  struct port port = {.detail = family};
  socklen_t length = address_of(&port, burst.table, &address);
  if (bind(fd, &address.any, length) < 0) {
    int number = errno;
    close(fd);
    return throw_errno(env, number, "bind");
  }
  return new_port(env, fd, PORT_UDP, family, true);
}

// udpPort(port) -> UDP port number that the socket is bound to.
napi_value udp_port(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  union address address;
  socklen_t length = sizeof address;
  if (!get_arguments(env, info, 1, arguments)) return NULL;
  struct port *port = get_port(env, arguments[0], PORT_UDP);
  if (port == NULL) return NULL;
  if (getsockname(port->fd, &address.any, &length) < 0) return throw_errno(env, errno, "getsockname");
  return make_uint32(env, ntohs(port->detail == 4 ? address.v4.sin_port : address.v6.sin6_port));
}

// udpBuffer(port) -> bytes of the smaller of the socket's two buffers, as far as the kernel has given them.
napi_value udp_buffer(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int receive = 0, send = 0;
  socklen_t length = sizeof receive;
  if (!get_arguments(env, info, 1, arguments)) return NULL;
  struct port *port = get_port(env, arguments[0], PORT_UDP);
  if (port == NULL) return NULL;
  if (getsockopt(port->fd, SOL_SOCKET, SO_RCVBUF, &receive, &length) < 0) return throw_errno(env, errno, "getsockopt");
  if (getsockopt(port->fd, SOL_SOCKET, SO_SNDBUF, &send, &length) < 0) return throw_errno(env, errno, "getsockopt");
  return make_uint32(env, (uint32_t)((receive < send ? receive : send) / 2)); // the kernel doubles what it is asked for
}

bool udp_fits(const struct burst *burst) { return burst->rows > 0 && burst->length >= SLOT; }

int udp_receive(struct port *port, struct burst *burst) {
  struct mmsghdr messages[MESSAGES];
  struct iovec pieces[MESSAGES];
  union address addresses[MESSAGES];
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
  } controls[MESSAGES];
  size_t room = burst->length / SLOT;
  if (room > burst->rows) room = burst->rows;
  if (room > MESSAGES) room = MESSAGES;
  if (!udp_fits(burst)) return -EINVAL;
  memset(messages, 0, sizeof messages);
  for (size_t index = 0; index < room; index++) {
    pieces[index] = (struct iovec){burst->bytes + index * SLOT, SLOT};
    messages[index].msg_hdr = (struct msghdr){.msg_name = &addresses[index],
                                              .msg_namelen = sizeof addresses[index],
                                              .msg_iov = &pieces[index],
                                              .msg_iovlen = 1,
                                              .msg_control = &controls[index],
                                              .msg_controllen = sizeof controls[index]};
  }
  int received = recvmmsg(port->fd, messages, (unsigned)room, MSG_DONTWAIT, NULL);
  if (received < 0) {
    // An ICMP error about an earlier datagram (ECONNREFUSED …) is not a failure of the socket.
    if (errno == EBADF || errno == ENOTSOCK || errno == EFAULT || errno == EINVAL) return -errno;
    return 0;
  }
  for (int index = 0; index < received; index++) {
    struct msghdr *header = &messages[index].msg_hdr;
    uint32_t *row = burst->table + (size_t)index * UDP_ROW;
    row[0] = (uint32_t)index * SLOT;
    row[1] = header->msg_flags & MSG_TRUNC ? 0 : messages[index].msg_len;
    row[2] = row[1];
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
      int size = 0;
      if (control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO) continue;
      memcpy(&size, CMSG_DATA(control), sizeof size);
      if (size > 0 && (uint32_t)size < row[1]) row[2] = (uint32_t)size;
    }
    fill_address(&addresses[index], row);
  }
  return received;
}

// receiveUdp(port, bytes, table) -> messages received, each of one or more equal segments (the last may be shorter).
napi_value receive_udp(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct burst burst;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct port *port = get_port(env, arguments[0], PORT_UDP);
  if (port == NULL || !get_burst(env, arguments[1], arguments[2], UDP_ROW, &burst)) return NULL;
  int received = udp_receive(port, &burst);
  return received < 0 ? throw_errno(env, -received, "recvmmsg") : make_uint32(env, (uint32_t)received);
}

static bool same_peer(const uint32_t *a, const uint32_t *b) {
  return memcmp(a + 3, b + 3, 5 * sizeof *a) == 0;
}

// Returns the number of rows from `first` on that can be sent as one message: to the same address, adjacent in the
// buffer, all of the first one's length except the last, which may be shorter. At least 1.
static uint32_t joinable(const struct burst *burst, uint32_t first, uint32_t count) {
  const uint32_t *start = burst->table + (size_t)first * UDP_ROW;
  uint64_t total = start[1];
  uint32_t rows = 1;
  while (start[1] > 0 && first + rows < count && rows < MOST_SEGMENTS) {
    const uint32_t *row = start + (size_t)rows * UDP_ROW;
    if (row[0] != start[0] + total || row[1] == 0 || row[1] > start[1] || !same_peer(row, start)) break;
    if (total + row[1] > MOST_BYTES) break;
    total += row[1];
    rows++;
    if (row[1] < start[1]) break;
  }
  return rows;
}

static void settle(const struct burst *burst, uint32_t first, uint32_t rows, uint32_t result) {
  for (uint32_t index = 0; index < rows; index++) burst->table[(size_t)(first + index) * UDP_ROW + 2] = result;
}

// Sends rows from `first` on in one system call; `join` allows several per message. Returns the number of rows with a
// result, at least 1.
static uint32_t send_some(struct port *port, const struct burst *burst, uint32_t first, uint32_t count, bool join) {
  struct mmsghdr messages[MESSAGES];
  struct iovec pieces[MESSAGES];
  union address addresses[MESSAGES];
  uint32_t rows[MESSAGES];
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
  } controls[MESSAGES];
  unsigned prepared = 0;
  memset(messages, 0, sizeof messages);
  memset(controls, 0, sizeof controls);
  for (uint32_t next = first; next < count && prepared < MESSAGES; prepared++) {
    const uint32_t *row = burst->table + (size_t)next * UDP_ROW;
    if ((uint64_t)row[0] + row[1] > burst->length) break;
    struct msghdr *header = &messages[prepared].msg_hdr;
    uint32_t joined = join ? joinable(burst, next, count) : 1;
    const uint32_t *last = row + (size_t)(joined - 1) * UDP_ROW;
    if ((uint64_t)last[0] + last[1] > burst->length) joined = 1, last = row;
    pieces[prepared] = (struct iovec){burst->bytes + row[0], (size_t)(last[0] - row[0]) + last[1]};
    header->msg_name = &addresses[prepared];
    header->msg_namelen = address_of(port, row, &addresses[prepared]);
    header->msg_iov = &pieces[prepared];
    header->msg_iovlen = 1;
    if (joined > 1) {
      uint16_t size = (uint16_t)row[1];
      header->msg_control = &controls[prepared];
      header->msg_controllen = sizeof controls[prepared];
      struct cmsghdr *control = CMSG_FIRSTHDR(header);
      control->cmsg_level = IPPROTO_UDP;
      control->cmsg_type = UDP_SEGMENT;
      control->cmsg_len = CMSG_LEN(sizeof size);
      memcpy(CMSG_DATA(control), &size, sizeof size);
    }
    rows[prepared] = joined;
    next += joined;
  }
  if (prepared == 0) { // the first row is outside the buffer
    settle(burst, first, 1, EINVAL);
    return 1;
  }
  int sent;
  do sent = sendmmsg(port->fd, messages, prepared, MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  uint32_t settled = 0;
  for (int index = 0; index < sent; index++) {
    settle(burst, first + settled, rows[index], 0);
    settled += rows[index];
  }
  if (sent > 0) return settled;
  // The error is that of the first message. If it was joined, its datagrams are sent singly: the interface may lack the
  // offload (EIO, then joining is given up on this socket), or the segments are too long for the path (EINVAL).
  uint32_t number = (uint32_t)errno;
  if (rows[0] == 1) {
    settle(burst, first, 1, number);
    return 1;
  }
  if (number == EIO) port->segments = false;
  if (number != EIO && number != EINVAL && number != EMSGSIZE && number != EOPNOTSUPP) {
    settle(burst, first, rows[0], number);
    return rows[0];
  }
  while (settled < rows[0]) settled += send_some(port, burst, first + settled, first + rows[0], false);
  return rows[0];
}

// sendUdp(port, bytes, table, count) -> number of datagrams that the kernel took.
napi_value send_udp(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  struct burst burst;
  uint32_t count, taken = 0;
  if (!get_arguments(env, info, 4, arguments)) return NULL;
  struct port *port = get_port(env, arguments[0], PORT_UDP);
  if (port == NULL || !get_burst(env, arguments[1], arguments[2], UDP_ROW, &burst)) return NULL;
  if (!get_uint32(env, arguments[3], &count)) return NULL;
  if (count > burst.rows) return throw_errno(env, EINVAL, "sendmmsg");
  for (uint32_t next = 0; next < count;) next += send_some(port, &burst, next, count, port->segments);
  for (uint32_t index = 0; index < count; index++) taken += burst.table[(size_t)index * UDP_ROW + 2] == 0;
  return make_uint32(env, taken);
}

// sendProbe(port, bytes, table) -> 1 if the kernel took the first row's datagram, unfragmented with DF, else 0.
napi_value send_probe(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct burst burst;
  int kept, probing;
  socklen_t length = sizeof kept;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct port *port = get_port(env, arguments[0], PORT_UDP);
  if (port == NULL || !get_burst(env, arguments[1], arguments[2], UDP_ROW, &burst)) return NULL;
  if (burst.rows < 1) return throw_errno(env, EINVAL, "sendmmsg");
  bool ipv4 = port->detail == 4;
  int level = ipv4 ? IPPROTO_IP : IPPROTO_IPV6, option = ipv4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER;
  probing = ipv4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;
  // The option applies to the whole socket. Only this thread sends on it, so no other datagram is affected in between.
  if (getsockopt(port->fd, level, option, &kept, &length) < 0 || setsockopt(port->fd, level, option, &probing, sizeof probing) < 0)
    return throw_errno(env, errno, "setsockopt");
  send_some(port, &burst, 0, 1, false);
  if (setsockopt(port->fd, level, option, &kept, sizeof kept) < 0) return throw_errno(env, errno, "setsockopt");
  return make_uint32(env, burst.table[2] == 0);
}

static napi_value open_unconnected(napi_env env, napi_callback_info info, int type) {
  napi_value arguments[2];
  uint32_t family, mark;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  if (!get_family(env, arguments[0], &family) || !get_uint32(env, arguments[1], &mark)) return NULL;
  int fd = open_socket(family, type, mark);
  return fd < 0 ? throw_errno(env, errno, "socket") : make_uint32(env, (uint32_t)fd);
}

// openTcp(family, mark) -> descriptor of an unconnected socket, which belongs to the caller.
napi_value open_tcp(napi_env env, napi_callback_info info) { return open_unconnected(env, info, SOCK_STREAM); }

// bindTcp(family, row, device) -> descriptor of a TCP socket bound to the row's address and port and to one network
// device, not listening yet. It belongs to the caller.
napi_value bind_tcp(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct burst burst;
  union address address;
  uint32_t family;
  char device[IF_NAMESIZE + 1];
  size_t length;
  int one = 1;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  if (!get_family(env, arguments[0], &family) || !get_table(env, arguments[1], UDP_ROW, &burst)) return NULL;
  if (burst.rows < 1) return throw_errno(env, EINVAL, "bind");
  if (napi_get_value_string_utf8(env, arguments[2], device, sizeof device, &length) != napi_ok || length == 0 ||
      length >= IF_NAMESIZE || strlen(device) != length) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", "not a device name of 1 to 15 characters");
    return NULL;
  }
  int fd = open_socket(family, SOCK_STREAM, 0);
  if (fd < 0) return throw_errno(env, errno, "socket");
  struct port port = {.detail = family};
  socklen_t size = address_of(&port, burst.table, &address);
  const char *call = "setsockopt";
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)length + 1) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 || (call = "bind", bind(fd, &address.any, size) < 0)) {
    int number = errno;
    close(fd);
    return throw_errno(env, number, call);
  }
  return make_uint32(env, (uint32_t)fd);
}

// openDatagram(family, mark) -> descriptor of an unconnected UDP socket for single datagrams, which belongs to the
// caller.
napi_value open_datagram(napi_env env, napi_callback_info info) { return open_unconnected(env, info, SOCK_DGRAM); }
