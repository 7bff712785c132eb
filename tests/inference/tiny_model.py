"""Write a tiny language model to disk, for a model server to run: `python tiny_model.py safetensors|gguf PATH`.

It runs in the server's own environment, because it needs numpy and that server's file format. All weights are
random but for one matrix, the head, to which the weights of a small automaton are added: after each token of
`SCRIPTS` the next one of its script is likely. So the servers do real inference (embedding, attention, feed
forward, sampling), the most likely answer is known, and a high temperature still gives arbitrary bytes.

The vocabulary is one token a byte, so that every Chinese character and every emoji is split across tokens.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

CONTEXT, WIDTH, LAYERS, HEADS, INNER = 4096, 64, 2, 4, 128
FIRMNESS = 0.8
"""How much likelier than chance the next token of a script is; about 6 in units of log probability."""

SPECIAL = (
    "<|end|>",
    "<|turn|>",
    "<|answer|>",
    "<|alphabet|>",
    "<|call|>",
    "<|ponder|>",
    "<tool_call>",
    '{"name": "weather",',
    ' "arguments": {"city":',
    ' "北京"}}',
    "</tool_call>",
    "<think>",
    "Hm. ",
    "嗯。",
    "</think>",
    "Four.",
)
SCRIPTS: tuple[tuple[str | bytes, ...], ...] = (
    ("<|answer|>", *(bytes([byte]) for byte in "HI, 你天猫🚀!".encode()), "<|end|>"),
    ("<|alphabet|>", *(bytes([byte]) for byte in b"abcdefghijklmnopqrstuvwxyza")),
    ("<|call|>", *SPECIAL[6:11], "<|end|>"),
    ("<|ponder|>", *SPECIAL[11:], "<|end|>"),
)
"""What is said after each opening token. No token stands in two places, or it would not know its successor; the
alphabet begins anew after its end, for ever. No token is longer than 32 bytes, or llama-cpp-python shows nothing of it.
"""

TEMPLATE = (
    "{% for message in messages %}<|turn|>{{ message['content'] }}{% endfor %}"
    "{% if tools and messages[-1]['role'] == 'user' %}<|call|>"
    "{% elif 'alphabet' in messages[-1]['content'] %}<|alphabet|>"
    "{% elif 'ponder' in messages[-1]['content'] %}<|ponder|>{% else %}<|answer|>{% endif %}"
)
"""How a conversation becomes a prompt; the last message chooses the script."""

RESPONSE_TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor_pattern": r"<\|(answer|alphabet|call|ponder)\|>",
    "fields": {
        "reasoning_content": {"open": "<think>", "close": "</think>", "content": "text"},
        "tool_calls": {
            "open": "<tool_call>",
            "close": "</tool_call>",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close": "<|end|>", "content": "text"},
    },
}
"""How transformers finds thoughts and tool calls in what the model says."""


def byte_names() -> list[str]:
    """Return the printable character under which byte-level vocabularies write each byte."""
    shown = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    hidden = iter(range(256, 512))
    return [chr(byte) if byte in shown else chr(next(hidden)) for byte in range(256)]


BYTES = byte_names()
MERGES = ("Ġ t",)
"""Both file formats want a list of merges that is not empty; one does no harm."""
VOCABULARY = (*BYTES, "Ġt", *SPECIAL)


def number(token: str | bytes) -> int:
    """Return the id of a byte or of a special token."""
    return token[0] if isinstance(token, bytes) else VOCABULARY.index(token)


def weights() -> dict[str, Any]:
    """Return the model's matrices under their names in Llama checkpoints."""
    import numpy as np  # type: ignore[import-not-found,unused-ignore]  # lives in the server's environment

    dice = np.random.default_rng(20_260_101)

    def matrix(rows: int, columns: int, spread: float = 0.02) -> Any:
        return dice.normal(0, spread, (rows, columns)).astype(np.float32)

    embedding = matrix(len(VOCABULARY), WIDTH, 1.0)
    head = matrix(len(VOCABULARY), WIDTH)
    for script in SCRIPTS:
        for token, following in itertools.pairwise(script):
            direction = embedding[number(token)]
            head[number(following)] += FIRMNESS * direction / np.linalg.norm(direction)
    found = {"model.embed_tokens.weight": embedding, "lm_head.weight": head}
    found["model.norm.weight"] = np.ones(WIDTH, np.float32)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            found[f"{at}self_attn.{name}.weight"] = matrix(WIDTH, WIDTH)
        found[f"{at}mlp.gate_proj.weight"] = matrix(INNER, WIDTH)
        found[f"{at}mlp.up_proj.weight"] = matrix(INNER, WIDTH)
        found[f"{at}mlp.down_proj.weight"] = matrix(WIDTH, INNER)
        found[f"{at}input_layernorm.weight"] = np.ones(WIDTH, np.float32)
        found[f"{at}post_attention_layernorm.weight"] = np.ones(WIDTH, np.float32)
    return found


def write_safetensors(folder: Path) -> None:
    """Write the folder that transformers loads."""
    from safetensors.numpy import save_file  # type: ignore[import-not-found]  # the same

    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights(), folder / "model.safetensors", metadata={"format": "pt"})
    end = number("<|end|>")
    files: dict[str, Any] = {
        "config.json": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "dtype": "float32",
            "vocab_size": len(VOCABULARY),
            "hidden_size": WIDTH,
            "intermediate_size": INNER,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": HEADS,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": 1e-6,
            "tie_word_embeddings": False,
            "bos_token_id": end,
            "eos_token_id": end,
            "pad_token_id": end,
        },
        "generation_config.json": {
            "bos_token_id": end,
            "eos_token_id": end,
            "pad_token_id": end,
            "do_sample": True,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<|end|>",
            "pad_token": "<|end|>",
            "model_max_length": CONTEXT,
            "clean_up_tokenization_spaces": False,
            "chat_template": TEMPLATE,
            "response_template": RESPONSE_TEMPLATE,
        },
        "tokenizer.json": tokenizer(),
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def tokenizer() -> dict[str, Any]:
    """Return a byte-level tokenizer in the form of the tokenizers library."""
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}
    marks = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": number(token), "content": token, "special": token.startswith("<|"), **marks}
            for token in SPECIAL
        ],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "vocab": {token: at for at, token in enumerate(VOCABULARY)},
            "merges": [merge.split() for merge in MERGES],
        },
    }


_GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "lm_head": "output",
    "model.norm": "output_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(path: Path) -> None:
    """Write the file that llama.cpp loads."""
    import gguf  # type: ignore[import-not-found]  # lives in the server's environment

    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(VOCABULARY)
    kinds = [gguf.TokenType.NORMAL] * (len(BYTES) + 1)
    kinds += [
        gguf.TokenType.CONTROL if token.startswith("<|") else gguf.TokenType.USER_DEFINED for token in SPECIAL
    ]
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(number("<|end|>"))
    writer.add_eos_token_id(number("<|end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, values in weights().items():
        stem = name.removesuffix(".weight").removeprefix("model.layers.")
        layer, _, part = stem.partition(".")
        known = f"blk.{layer}.{_GGUF_NAMES[part]}" if layer.isdecimal() else _GGUF_NAMES[stem]
        writer.add_tensor(f"{known}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    {"safetensors": write_safetensors, "gguf": write_gguf}[sys.argv[1]](Path(sys.argv[2]))
