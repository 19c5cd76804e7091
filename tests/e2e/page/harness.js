// What a test's page has besides the SDK: a tone for a microphone, an ear, and a log of what was emitted.
'use strict';

const SAMPLE_RATE = 48000;
const FFT_SIZE = 8192;
const HEARD_DB = -45;
const SILENT_DB = -75;
const WATCH_MS = 50;
const SOUNDS = ['incoming', 'outgoing', 'disconnect', 'dtmfs', 'dtmfh', ...Array.from({ length: 10 }, (_, n) => `dtmf${n}`)];
const DEVICE_EVENTS = ['registering', 'registered', 'unregistered', 'destroyed', 'error', 'incoming', 'tokenWillExpire'];
const CALL_EVENTS = ['accept', 'audio', 'cancel', 'disconnect', 'error', 'messageReceived', 'messageSent', 'mute',
  'reconnected', 'reconnecting', 'reject', 'ringing', 'warning', 'warning-cleared'];

window.device = null;
window.call = null;
window.calls = [];
window.entries = [];
window.samples = [];
window.volumes = [];
window.asked = [];
window.microphones = {};
window.connections = [];

// --- log ---------------------------------------------------------------------------------------------------

function described(value) {
  if (value === null || ['boolean', 'number', 'string'].includes(typeof value)) return value;
  if (value === undefined) return 'undefined';
  if (calls.includes(value)) return 'Call';
  if (value === device) return 'Device';
  if (value instanceof HTMLAudioElement) return 'HTMLAudioElement';
  if (value instanceof Error) return { code: value.code, name: value.name, message: value.message };
  return JSON.parse(JSON.stringify(value));
}

function note(source, name, args) {
  const of = source === 'call' ? call : device;
  const state = source === 'call' ? of && of.status() : of && of.state;
  entries.push({ source, name, args: args.map(described), state, at: performance.now() });
}

function count(source, name) {
  return entries.filter((entry) => entry.source === source && entry.name === name).length;
}

// --- device and call ---------------------------------------------------------------------------------------

function follow(followed) {
  window.call = followed;
  calls.push(followed);
  for (const name of CALL_EVENTS) followed.on(name, (...args) => note('call', name, args));
  followed.on('sample', (sample) => samples.push(described(sample)));
  followed.on('volume', (input, output) => volumes.push([input, output]));
  return followed;
}

// The SDK stops the tracks at the end of a call, so that each request needs a tone of its own; `microphones`
// has the tones of input devices by their id.
function microphone(hz) {
  return async (constraints) => {
    asked.push(described(constraints));
    const { exact } = Object(Object(constraints.audio).deviceId);
    const context = new AudioContext({ sampleRate: SAMPLE_RATE });
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    const output = context.createMediaStreamDestination();
    oscillator.frequency.value = microphones[exact] || hz;
    gain.gain.value = 0.5;
    oscillator.connect(gain).connect(output);
    oscillator.start();
    return output.stream;
  };
}

function start({ token, chunderw, hz, options }) {
  const sounds = Object.fromEntries(SOUNDS.map((name) => [name, `${location.origin}/sound.wav`]));
  window.device = new Twilio.Device(token, {
    chunderw, sounds, publishEvents: false, getUserMedia: microphone(hz), maxCallSignalingTimeoutMs: 30000, ...options,
  });
  device.on('incoming', follow);
  for (const name of DEVICE_EVENTS) device.on(name, (...args) => note('device', name, args));
}

async function place(params, options = {}) {
  follow(await device.connect({ params, ...options }));
}

// A promise that never settles must not hold up the test for ever.
async function within(ms, work) {
  let timer;
  const late = new Promise((_, fail) => { timer = setTimeout(() => fail(new Error(`not settled in ${ms} ms`)), ms); });
  try {
    return described(await Promise.race([work(), late]));
  } finally {
    clearTimeout(timer);
  }
}

// The name of what `work` throws.
function thrown(work) {
  try {
    work();
  } catch (error) {
    return error.name;
  }
  return null;
}

// An offer of this browser, for a client that has no media of its own.
async function offer() {
  const connection = new RTCPeerConnection();
  connection.addTransceiver('audio');
  const { sdp } = await connection.createOffer();
  connection.close();
  return sdp;
}

// --- ear ---------------------------------------------------------------------------------------------------

const ears = new WeakMap();

function spectrum() {
  const stream = call && call.getRemoteStream();
  if (!stream) return null;
  if (!ears.has(stream)) {
    const context = new AudioContext({ sampleRate: SAMPLE_RATE });
    const analyser = context.createAnalyser();
    analyser.fftSize = FFT_SIZE;
    analyser.smoothingTimeConstant = 0;
    context.createMediaStreamSource(stream).connect(analyser);
    ears.set(stream, analyser);
  }
  const levels = new Float32Array(FFT_SIZE / 2);
  ears.get(stream).getFloatFrequencyData(levels);
  return levels;
}

function loudest() {
  const levels = spectrum();
  if (levels === null) return { hz: 0, db: -Infinity };
  let bin = 0;
  for (let at = 1; at < levels.length; at += 1) if (levels[at] > levels[bin]) bin = at;
  return { hz: (bin * SAMPLE_RATE) / FFT_SIZE, db: levels[bin] };
}

function hears(hz) {
  const peak = loudest();
  return peak.db > HEARD_DB && Math.abs(peak.hz - hz) < 15;
}

function hearsNothing() {
  return spectrum() !== null && loudest().db < SILENT_DB;
}

// The longest time in ms without the tone since `watch`.
const gap = { since: 0, longest: 0, timer: null };

function watch(hz) {
  clearInterval(gap.timer);
  gap.since = performance.now();
  gap.longest = 0;
  gap.timer = setInterval(() => {
    const now = performance.now();
    if (hears(hz)) gap.since = now;
    else gap.longest = Math.max(gap.longest, now - gap.since);
  }, WATCH_MS);
}

// --- network -----------------------------------------------------------------------------------------------

// Media goes through the relay at this port, and there is no other path: descriptions for the gateway lose
// their candidates.
window.mediaPort = null;

const applyRemote = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function detoured(description) {
  if (!connections.includes(this)) connections.push(this);
  if (mediaPort === null) return applyRemote.call(this, description);
  const sdp = description.sdp.replace(/^(a=candidate:\S+ \d+ \S+ \d+ )\S+ \d+/gim, `$1127.0.0.1 ${mediaPort}`);
  return applyRemote.call(this, { type: description.type, sdp });
};

// Payloads of this type that the SDK sends from now on.
const recorders = {};

function recordSent(type) {
  recorders[type] = [];
  return recorders[type];
}

const transmit = WebSocket.prototype.send;
WebSocket.prototype.send = function bare(data) {
  const frame = data.trim() ? JSON.parse(data) : {};
  if (recorders[frame.type]) recorders[frame.type].push(frame.payload);
  return transmit.call(this, mediaPort === null ? data : data.replace(/a=candidate:.*?\\r\\n/g, ''));
};
