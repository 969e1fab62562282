// Exports of the addon. All state belongs to objects or threads, so any number of workers may load it.
#include "port.h"

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
#define FUNCTION(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL}
      FUNCTION("bootTime", boot_time),     FUNCTION("notify", notify),
      FUNCTION("watch", watch),          FUNCTION("close", close_port),
      FUNCTION("openPortSet", open_port_set), FUNCTION("closePortSet", close_port_set),
      FUNCTION("wait", wait_ports),
      FUNCTION("openTun", open_tun),     FUNCTION("tunOffloads", tun_offloads),
      FUNCTION("readTun", read_tun),     FUNCTION("writeTun", write_tun),
      FUNCTION("openUdp", open_udp),     FUNCTION("udpPort", udp_port),
      FUNCTION("udpBuffer", udp_buffer),
      FUNCTION("receiveUdp", receive_udp), FUNCTION("sendUdp", send_udp),
      FUNCTION("sendProbe", send_probe),
      FUNCTION("bindTcp", bind_tcp),
      FUNCTION("openTcp", open_tcp),     FUNCTION("openDatagram", open_datagram),
      FUNCTION("createLane", create_lane), FUNCTION("laneDrops", lane_drops),
      FUNCTION("installKeys", install_keys), FUNCTION("removeKeys", remove_keys),
      FUNCTION("seal", seal),            FUNCTION("open", open_sealed),
      FUNCTION("cipher", cipher),        FUNCTION("chooseCipher", choose_cipher),
#undef FUNCTION
  };
  if (napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) != napi_ok) return NULL;
  return exports;
}
