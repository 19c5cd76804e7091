// The SDK's side of a differential test: every event of the device and of each call, every method's outcome.

const DEVICE_EVENTS = ['registering', 'registered', 'unregistered', 'destroyed', 'error', 'incoming', 'tokenWillExpire'];
const CALL_EVENTS = ['accept', 'audio', 'cancel', 'disconnect', 'error', 'messageReceived', 'messageSent', 'mute',
  'reconnected', 'reconnecting', 'reject', 'ringing', 'sample', 'volume', 'warning', 'warning-cleared'];

const log = [];
const party = { log, calls: [], device: null };
window.party = party;

// --- log ---------------------------------------------------------------------------------------------------

function marked(value) {
  return { $: value };
}

function told(value) {
  if (value === null || value === undefined) return null;
  if (party.calls.includes(value)) return marked(`call ${party.calls.indexOf(value) + 1}`);
  if (value === party.device) return marked('device');
  if (value instanceof HTMLAudioElement || value instanceof MediaStream) return marked('stream');
  if (value instanceof Error) return marked(value.code === undefined ? value.name : `${value.name} ${value.code}`);
  if (value instanceof Map) return Object.fromEntries(value);
  return JSON.parse(JSON.stringify(value));
}

function target(source) {
  return source === 'device' ? party.device : party.calls[Number(source.split(' ')[1]) - 1];
}

function stateOf(source) {
  const of = target(source);
  return source === 'device' ? of.state : of.status();
}

party.state = (source) => (target(source) ? stateOf(source) : null);

function write(source, name, args) {
  log.push({ source, name, args: args.map(told), state: stateOf(source) });
}

party.count = (source, name) => log.filter((entry) => entry.source === source && entry.name === name).length;

// --- device and calls --------------------------------------------------------------------------------------

function follow(call) {
  window.call = call;
  if (party.calls.includes(call)) return;
  party.calls.push(call);
  const source = `call ${party.calls.length}`;
  for (const name of CALL_EVENTS) call.on(name, (...args) => write(source, name, args));
}

party.open = ({ token, chunderw, hz, options }) => {
  const sounds = Object.fromEntries(SOUNDS.map((name) => [name, `${location.origin}/sound.wav`]));
  party.device = new Twilio.Device(token, {
    chunderw, sounds, publishEvents: false, getUserMedia: microphone(hz), maxCallSignalingTimeoutMs: 30000, ...options,
  });
  party.device.on('incoming', follow);
  for (const name of DEVICE_EVENTS) party.device.on(name, (...args) => write('device', name, args));
};

party.perform = async ({ source, method, args }) => {
  let returned;
  try {
    returned = target(source)[method](...args);
    // Only what is asynchronous may be waited for: events that come meanwhile would be written down before.
    if (returned instanceof Promise) returned = await returned;
  } catch (error) {
    write(source, `${method}() raised`, [error]);
    return;
  }
  if (method === 'connect') follow(returned);
  write(source, `${method}() returned`, [returned]);
};

const PROPERTIES = {
  device: (device) => ({
    calls: device.calls.length,
    edge: device.edge,
    home: device.home,
    identity: device.identity,
    isBusy: device.isBusy,
    token: device.token,
  }),
  call: (call) => ({
    callerInfo: call.callerInfo,
    connectToken: call.connectToken,
    customParameters: call.customParameters,
    direction: call.direction,
    isMuted: call.isMuted(),
    localStream: call.getLocalStream(),
    outboundConnectionId: call.outboundConnectionId,
    parameters: call.parameters,
    remoteStream: call.getRemoteStream(),
  }),
};

party.note = (source) => {
  const properties = Object.entries(PROPERTIES[source.split(' ')[0]](target(source)));
  write(source, 'properties', [Object.fromEntries(properties.map(([name, value]) => [name, told(value)]))]);
};

party.read = ({ source, name }) => write(source, name, [target(source)[name]]);

party.property = ({ source, name }) => told(target(source)[name]);
