"""Look through the graphs of a foreign SavedModel before any of it runs.

A graph is a program: TensorFlow runs some of it while it loads a SavedModel, and the rest with the
first sample. Operators that read or write files, talk to the network or call Python are refused by
name, unless the user allows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.errors import ModelError, first_line
from litemill.models.untrusted_archive import UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

FILES = frozenset(
    """
    ReadFile WriteFile MatchingFiles MatchingFilesDataset ExperimentalMatchingFilesDataset
    WholeFileReader WholeFileReaderV2 TextLineReader TextLineReaderV2 FixedLengthRecordReader
    FixedLengthRecordReaderV2 TFRecordReader TFRecordReaderV2 LMDBReader RecordInput
    TextLineDataset FixedLengthRecordDataset FixedLengthRecordDatasetV2 TFRecordDataset
    TFRecordDatasetV2 CSVDataset CSVDatasetV2 ExperimentalCSVDataset LMDBDataset
    ExperimentalLMDBDataset SqlDataset ExperimentalSqlDataset CacheDataset CacheDatasetV2
    SaveDataset SaveDatasetV2 LoadDataset SnapshotDataset SnapshotDatasetV2 SnapshotDatasetReader
    SnapshotNestedDatasetReader SnapshotChunkDataset ListSnapshotChunksDataset DatasetToTFRecord
    ExperimentalDatasetToTFRecord InitializeTableFromTextFile InitializeTableFromTextFileV2
    GenerateVocabRemapping LoadAndRemapMatrix Skipgram FixedUnigramCandidateSampler Save
    SaveSlices Restore RestoreSlice DTensorRestoreV2 CreateSummaryFileWriter CreateSummaryDbWriter
    SummaryWriter WriteSummary WriteAudioSummary WriteGraphSummary WriteHistogramSummary
    WriteImageSummary WriteRawProtoSummary WriteScalarSummary ImportEvent
    CalibrationStatisticsSaver DumpTensor FileSystemSetConfiguration InitializeTRTResource
    """.split()  # noqa: SIM905  # a table of names
)
NETWORK = frozenset(
    """
    RpcServer RpcServerStart RpcServerRegister RpcClient RpcCall RpcCheckStatus RpcGetValue
    DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4
    RegisterDataset RegisterDatasetV2 DistributedSave DebugIdentity DebugIdentityV2 DebugIdentityV3
    DebugNanCount DebugNumericSummary DebugNumericSummaryV2 BigQueryReader BigtableClient
    GcsConfigureBlockCache GcsConfigureCredentials
    """.split()  # noqa: SIM905  # a table of names
)
PYTHON = frozenset(("PyFunc", "PyFuncStateless", "EagerPyFunc"))
UNSAFE = dict.fromkeys(FILES, "files") | dict.fromkeys(NETWORK, "the network")
UNSAFE |= dict.fromkeys(PYTHON, "Python")
# Every SavedModel has these for its own weights; they may be where only its saver reaches.
CHECKPOINT = frozenset(("SaveV2", "RestoreV2", "MergeV2Checkpoints"))


def refuse_operators(folder: Path, allowed: Collection[str] = ()) -> None:
    """Refuse a SavedModel whose graphs hold operators that reach outside of them.

    Args:
        folder: the SavedModel.
        allowed: names of operators that may be in it nevertheless.

    Raises:
        UnsafeModelError: names the operators.
        ModelError: the folder holds no SavedModel, or a damaged one.
    """
    names = set().union(*(_unsafe_operators(graph) for graph in _read(folder).meta_graphs))
    if refused := sorted(names - set(allowed)):
        reach = sorted({UNSAFE.get(name, "files") for name in refused})
        message = f"operators that touch {' and '.join(reach)}: {', '.join(refused)}"
        expected = "`allow_operators` names those that may run, with your rights"
        raise UnsafeModelError(folder, message, expected)


def _read(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        content = (folder / "saved_model.pb").read_bytes()
        return saved_model_pb2.SavedModel.FromString(content)
    except FileNotFoundError:
        message = "no saved_model.pb in it"
        raise ModelError(folder, message, "expected a SavedModel folder") from None
    except Exception as error:  # the parser's own, which no public name leads to
        message = f"no readable SavedModel ({first_line(error)})"
        raise ModelError(folder, message, "see its producer") from error


def _unsafe_operators(meta: Any) -> set[str]:
    """Return the operators of one graph and its functions that reach outside."""
    functions = {f.signature.name: list(f.node_def) for f in meta.graph_def.library.function}
    main = list(meta.graph_def.node)
    names = {name for nodes in (main, *functions.values()) for name in _unsafe(nodes)}
    saver = _saver_nodes(meta, main)
    outside = [node for node in main if node.name not in saver]
    inside = _called([node for node in main if node.name in saver], functions)
    # What nothing calls counts as called: loading looks functions up in other ways as well.
    reached = [name for name in functions if name not in inside]
    reached += _called(outside, functions)
    nodes = [*outside, *(node for name in set(reached) for node in functions[name])]
    nodes += [node for name in _called(nodes, functions) for node in functions[name]]
    return names | {node.op for node in nodes if node.op in CHECKPOINT}


def _unsafe(nodes: list[Any]) -> Iterator[str]:
    """Iterate over the operators of a function that reach outside, whoever calls it."""
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        to_file = node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:")
        elsewhere = node.op == "RestoreV2" and not _is_argument(node.input[0], by_name)
        if node.op in UNSAFE or to_file or elsewhere:
            yield node.op


def _is_argument(tensor: str, by_name: dict[str, Any]) -> bool:
    """Tell whether a tensor is what the caller passed: the SavedModel's own checkpoint."""
    node = by_name.get(_node(tensor))
    for _ in by_name:
        if node is None or node.op.startswith("Placeholder"):
            return True
        if node.op != "Identity":
            return False
        node = by_name.get(_node(node.input[0]))
    return node is None


def _saver_nodes(meta: Any, main: list[Any]) -> set[str]:
    """Return the nodes of the main graph that only saving and restoring needs."""
    by_name, saver = {node.name: node for node in main}, meta.saver_def
    starts = [_node(name) for name in (saver.save_tensor_name, saver.restore_op_name)]
    ends = [_node(t.name) for s in meta.signature_def.values() for t in s.outputs.values()]
    return _inputs_of(starts, by_name) - _inputs_of(ends, by_name)


def _inputs_of(ends: Iterable[str], by_name: dict[str, Any]) -> set[str]:
    """Return the nodes from which these can be reached, and themselves."""
    waiting = list(ends)
    held: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in held:
            held.add(name)
            waiting += map(_node, by_name[name].input)
    return held


def _called(nodes: Iterable[Any], functions: dict[str, list[Any]]) -> set[str]:
    """Return the functions that nodes call, directly or through others."""
    waiting = [name for node in nodes for name in _functions(node)]
    held: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in functions and name not in held:
            held.add(name)
            waiting += [inner for node in functions[name] for inner in _functions(node)]
    return held


def _functions(node: Any) -> Iterator[str]:
    yield node.op
    for value in node.attr.values():
        if value.func.name:
            yield value.func.name
        yield from (function.name for function in value.list.func)


def _node(tensor: str) -> str:
    """Return the node of a tensor's name: `a` of `a:0` and `^a`."""
    return tensor.lstrip("^").partition(":")[0]
