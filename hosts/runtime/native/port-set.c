// Port set: all ports of a worker, on which its thread waits at once.
//
// The set's callback runs in the event loop's check phase and calls `wait` until it returns 0, when the loop has work.
// The thread sleeps inside `wait`, on the ports and the loop's own descriptor together, so that a packet wakes
// JavaScript by the return from one call. Going through libuv, Node's callback scopes and argument checks for each
// wake-up took a third of a round trip at low rates, when every cache is cold.
#include "port.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

enum { MOST_PORTS = 8, LOOP = MOST_PORTS };

struct port_set {
  int epoll;
  struct port *ports[MOST_PORTS]; // kept alive by `held`
  struct epoll_event events[MOST_PORTS + 1];
  int next, found;  // range of `events` not served yet
  bool is_loops_turn;
  uv_loop_t *loop;
  uv_check_t check;
  uv_idle_t idle;   // active while the callback is not running, so that the loop itself does not sleep
  unsigned handles; // number of the two uv handles not closed yet
  bool collected;   // the JavaScript object is gone, or its environment is
  napi_ref self, held;
  struct callback callback;
  napi_async_cleanup_hook_handle hook;
};

static void on_set_collected(napi_env env, void *data, void *hint);
static const struct object_kind SET = {"not a port set of this addon", on_set_collected};

static struct port_set *get_set(napi_env env, napi_value value) { return get_object(env, value, &SET); }

static void on_handle_closed(uv_handle_t *handle) {
  struct port_set *set = handle->data;
  if (--set->handles > 0) return;
  if (set->hook != NULL) napi_remove_async_cleanup_hook(set->hook);
  set->hook = NULL;
  if (set->collected) {
    free(set);
    return;
  }
  napi_env env = set->callback.env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  callback_end(&set->callback);
  napi_ref references[] = {set->held, set->self};
  set->held = set->self = NULL;
  for (size_t at = 0; at < 2; at++) // deleting the last reference allows the struct to be freed
    if (references[at] != NULL) napi_delete_reference(env, references[at]);
  napi_close_handle_scope(env, scope);
}

static void end_set(struct port_set *set) {
  if (set->epoll >= 0) close(set->epoll);
  set->epoll = -1;
  if (set->handles == 0 || uv_is_closing((uv_handle_t *)&set->check)) return;
  uv_close((uv_handle_t *)&set->check, on_handle_closed);
  uv_close((uv_handle_t *)&set->idle, on_handle_closed);
}

static void on_set_collected(napi_env env, void *data, void *hint) {
  struct port_set *set = data;
  set->collected = true;
  end_set(set);
  if (set->handles == 0) free(set);
}

static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) { end_set(data); }

static void on_idle(uv_idle_t *handle) {}

static void on_check(uv_check_t *handle) {
  struct port_set *set = handle->data;
  uv_idle_stop(&set->idle);
  callback_call(&set->callback, set->self, 0);
  if (set->epoll >= 0) uv_idle_start(&set->idle, on_idle);
}

static bool add(struct port_set *set, int fd, uint32_t name) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = name};
  return epoll_ctl(set->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool add_ports(napi_env env, struct port_set *set, napi_value array, napi_value held) {
  uint32_t count;
  if (napi_get_array_length(env, array, &count) != napi_ok || count == 0 || count > MOST_PORTS) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "not an array of one to eight ports");
    return false;
  }
  for (uint32_t index = 0; index < count; index++) {
    napi_value element;
    if (napi_get_element(env, array, index, &element) != napi_ok || napi_set_element(env, held, index, element) != napi_ok)
      return false;
    set->ports[index] = get_port(env, element, 0);
    if (set->ports[index] == NULL) return false;
    if (!add(set, set->ports[index]->fd, index)) {
      throw_errno(env, errno, "epoll_ctl");
      return false;
    }
  }
  if (add(set, uv_backend_fd(set->loop), LOOP)) return true;
  throw_errno(env, errno, "epoll_ctl");
  return false;
}

// openPortSet(ports, callback): calls back in every turn of the loop until it is closed. One to eight ports.
napi_value open_port_set(napi_env env, napi_callback_info info) {
  napi_value arguments[2], held;
  uv_loop_t *loop;
  if (!get_arguments(env, info, 2, arguments) || !is_function(env, arguments[1])) return NULL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return throw_errno(env, EINVAL, "napi_get_uv_event_loop");
  struct port_set *set = calloc(1, sizeof *set);
  if (set == NULL) return throw_errno(env, ENOMEM, "malloc");
  set->loop = loop;
  set->epoll = epoll_create1(EPOLL_CLOEXEC);
  int number = errno;
  napi_value object = new_object(env, &SET, set);
  if (object == NULL) return NULL;
  if (set->epoll < 0) return throw_errno(env, number, "epoll_create1");
  if (napi_create_array(env, &held) != napi_ok || !add_ports(env, set, arguments[0], held)) return NULL;
  if (!callback_begin(&set->callback, env, arguments[1]) ||
      napi_create_reference(env, held, 1, &set->held) != napi_ok ||
      napi_create_reference(env, object, 1, &set->self) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_environment_end, set, &set->hook) != napi_ok)
    return throw_errno(env, ENOMEM, "openPortSet");
  set->check.data = set->idle.data = set;
  uv_check_init(set->loop, &set->check);
  uv_idle_init(set->loop, &set->idle);
  set->handles = 2;
  uv_check_start(&set->check, on_check);
  uv_idle_start(&set->idle, on_idle);
  return object;
}

// Sleeps until a port or the event loop has work. Returns 0 or a negative errno.
static int sleep_on(struct port_set *set) {
  uv_update_time(set->loop);
  int timeout = uv_backend_timeout(set->loop); // 0: the loop has work in any case
  set->next = set->found = 0;
  int found = epoll_wait(set->epoll, set->events, MOST_PORTS + 1, timeout);
  if (found < 0 && errno != EINTR) return -errno;
  set->found = found < 0 ? 0 : found;
  set->is_loops_turn = timeout == 0 || found <= 0;
  return 0;
}

// wait(set, bytes and table as for readTun, bytes and table as for receiveUdp, count) -> 0 if the callback must return
// to the event loop, else 1 + the index of the port whose burst is in bytes and table; count[0]: number of rows.
napi_value wait_ports(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  struct burst frames, messages;
  uint32_t *count;
  if (!get_arguments(env, info, 6, arguments)) return NULL;
  struct port_set *set = get_set(env, arguments[0]);
  if (set == NULL || !get_burst(env, arguments[1], arguments[2], TUN_ROW, &frames)) return NULL;
  if (!get_burst(env, arguments[3], arguments[4], UDP_ROW, &messages) || !get_words(env, arguments[5], 1, &count)) return NULL;
  if (set->epoll < 0) return throw_errno(env, EBADF, "epoll_wait");
  // If a burst did not fit, its port would stay readable forever.
  if (!tun_fits(&frames) || !udp_fits(&messages)) return throw_errno(env, EINVAL, "epoll_wait");
  for (;;) {
    if (set->next == set->found) {
      if (set->is_loops_turn) {
        set->is_loops_turn = false;
        return make_uint32(env, 0);
      }
      int result = sleep_on(set);
      if (result < 0) return throw_errno(env, -result, "epoll_wait");
      continue;
    }
    uint32_t name = set->events[set->next++].data.u32;
    if (name == LOOP) {
      set->is_loops_turn = true;
      continue;
    }
    struct port *port = set->ports[name];
    if (port->fd < 0) continue; // closed since the events were collected
    bool is_tun = port->kind == PORT_TUN;
    int rows = is_tun ? tun_read(port, &frames) : udp_receive(port, &messages);
    if (rows < 0) return throw_errno(env, -rows, is_tun ? "read" : "recvmmsg");
    if (rows == 0) continue;
    count[0] = (uint32_t)rows;
    return make_uint32(env, name + 1);
  }
}

// closePortSet(set): closes it at once; closing twice does nothing. The ports stay open.
napi_value close_port_set(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!get_arguments(env, info, 1, arguments)) return NULL;
  struct port_set *set = get_set(env, arguments[0]);
  if (set != NULL) end_set(set);
  return NULL;
}
