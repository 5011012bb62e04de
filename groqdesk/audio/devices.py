"""Which sound devices this machine has. Loads PortAudio only when asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SoundDevices:
    """Names of inputs and outputs; `problem` is a sentence if sound does not work here at all."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    problem: str = ""


def sound_devices() -> SoundDevices:
    """Asks PortAudio. A missing library is a sentence with the package's name, never an exception."""
    try:
        import sounddevice
    except OSError:
        return SoundDevices(problem="PortAudio is missing. On Debian and Ubuntu it comes with libportaudio2.")
    try:
        found = list(sounddevice.query_devices())
    except sounddevice.PortAudioError as error:
        return SoundDevices(problem=f"PortAudio finds no sound system ({type(error).__name__}).")
    inputs = tuple(str(d["name"]) for d in found if d["max_input_channels"] > 0)
    outputs = tuple(str(d["name"]) for d in found if d["max_output_channels"] > 0)
    return SoundDevices(inputs, outputs)
