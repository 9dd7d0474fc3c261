/** Plays `pieces` with oscillators, and shows where it is. */
const HIGH = 220, PARTIALS = [1, 0.45, 0.25, 0.12, 0.06];
let sound = null, wave = null, gain = null, began = 0, from = 0, frame = 0;

function chosenPiece() { return pieces[Number($("piece").value)]; }

function drawRoll() {
  const piece = chosenPiece(), roll = $("roll");
  const keys = piece.notes.map(note => note[2]);
  const low = Math.min(60, ...keys) - 2, high = Math.max(60, ...keys) + 2;
  const tall = HIGH / (high - low + 1);
  roll.setAttribute("viewBox", `0 0 ${piece.seconds} ${HIGH}`);
  const bars = piece.notes.map(([start, length, key, given]) => drawn("rect", {
    x: start, y: (high - key) * tall, width: 0.92 * length, height: 0.85 * tall,
    style: `fill: var(--series-${given ? 1 : 0})`,
  }));
  const line = drawn("line", {
    id: "now", x1: 0, x2: 0, y1: 0, y2: HIGH, class: "cursor", "vector-effect": "non-scaling-stroke",
  });
  roll.replaceChildren(...bars, line);
  showTime(0);
}

function showTime(seconds) {
  const whole = Math.floor(seconds), total = Math.floor(chosenPiece().seconds);
  const clock = value => `${Math.floor(value / 60)}:${String(value % 60).padStart(2, "0")}`;
  $("clock").textContent = `${clock(whole)} of ${clock(total)}`;
  for (const end of ["x1", "x2"]) $("now").setAttribute(end, seconds);
}

function stopPlaying() {
  cancelAnimationFrame(frame);
  if (gain) gain.disconnect();
  gain = null;
  $("play").textContent = "Play";
}

function strike([start, length, key], offset) {
  const at = began + Math.max(0, start - offset), end = began + start + length - offset;
  const tone = sound.createOscillator(), loud = sound.createGain();
  tone.setPeriodicWave(wave);
  tone.frequency.value = 440 * 2 ** ((key - 69) / 12);
  loud.gain.setValueAtTime(0, at);
  loud.gain.linearRampToValueAtTime(0.12, at + 0.015);
  loud.gain.setTargetAtTime(0.05, at + 0.015, 0.5);
  loud.gain.setTargetAtTime(0, Math.max(at + 0.02, end - 0.03), 0.05);
  tone.connect(loud).connect(gain);
  tone.start(at);
  tone.stop(end + 0.3);
}

function playFrom(offset) {
  stopPlaying();
  sound = sound || new AudioContext();
  sound.resume();
  wave = wave || sound.createPeriodicWave(
    new Float32Array(PARTIALS.length + 1), new Float32Array([0, ...PARTIALS]));
  gain = sound.createGain();
  gain.connect(sound.destination);
  began = sound.currentTime + 0.08;
  from = offset;
  const piece = chosenPiece();
  for (const note of piece.notes) if (note[0] + note[1] > offset) strike(note, offset);
  $("play").textContent = "Stop";
  const follow = () => {
    const seconds = from + Math.max(0, sound.currentTime - began);
    if (seconds >= piece.seconds) { stopPlaying(); showTime(0); return; }
    showTime(seconds);
    frame = requestAnimationFrame(follow);
  };
  follow();
}

$("piece").addEventListener("change", () => { stopPlaying(); drawRoll(); });
$("play").addEventListener("click", () => gain ? stopPlaying() : playFrom(0));
$("roll").addEventListener("click", event => {
  const box = $("roll").getBoundingClientRect();
  playFrom(Math.max(0, (event.clientX - box.left) / box.width) * chosenPiece().seconds);
});
drawRoll();
