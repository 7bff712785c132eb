"""The magics: their names, their help, and nothing that is heavy before one of them runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    cell_magic,
    line_cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
)

if TYPE_CHECKING:
    from ve_magics.magics.notebook import Notebook

CELL_MAGICS = ("agent", "ask", "batch", "chat", "compare", "storyboard", "video")
LINE_MAGICS = ("chat", "ve")


@magics_class
class VeMagics(Magics):
    """AI models, text and video, in a notebook cell.

    Args:
        shell: The running IPython shell.
        notebook: What all magics share; made when first needed where None.
    """

    def __init__(self, shell: Any, notebook: Notebook | None = None) -> None:
        super().__init__(shell)
        self._notebook = notebook
        self._failed: tuple[BaseException, str] | None = None

    @property
    def notebook(self) -> Notebook:
        """What all magics of this kernel share."""
        if self._notebook is None:
            from ve_magics.magics.notebook import Notebook

            self._notebook = Notebook(self.shell)
        return self._notebook

    @no_var_expand
    @line_cell_magic
    def chat(self, line: str, cell: str | None = None) -> Any:
        """Ask a model; the answer streams into the cell.

        usage: %%chat [MODEL] [-m MODEL] [-s SYSTEM] [-t T] [--max-tokens N] [--param K=V]
                      [-c NAME] [--new] [-f FORMAT] [--schema NAME] [--fix] [--raw]
                      [--image PATH] [--file PATH] [--fresh] [--no-cache] [--dry-run]
                      [--background] [--timeout S] [--no-fallback] [-o NAME]
                      [--tools A,B] [--kb NAME] [--max-steps N] [--budget USD] [--approve ask|auto]
               %chat [the same flags] QUESTION

        MODEL is a route, an alias or provider/name; the default where left out (%ve shows it).
        {{ expression }} in the prompt is evaluated in the notebook; nothing else is touched.

        -s SYSTEM        a system prompt
        -t T             temperature; 0 is the steadiest
        --max-tokens N   upper bound of the answer in tokens
        --param K=V      any other setting: top_p=0.9, seed=7, effort=low
        -c NAME          go on with this conversation (%ve conversation)
        --new            begin the conversation anew with this cell
        -f FORMAT        markdown, text, json, or code (which offers a next cell)
        --schema NAME    a pydantic model, dataclass, TypedDict, Struct or JSON Schema that the
                         answer must fit; list[NAME] for several
        --fix            send the last error and its cell along
        --raw            send the prompt as it stands, {{ }} included
        --image PATH     a picture to send along: path, URL or variable; may be repeated
        --file PATH      a document to send along: path, URL or variable; may be repeated
        --fresh          ask again although the answer is known
        --no-cache       neither look in the cache nor keep the answer
        --dry-run        show what would be sent, and send nothing
        --background     end the cell at once; the answer grows in it while other cells run,
                         and %ve wait waits for it
        --timeout S      give up after so many seconds
        --no-fallback    ask the first target only
        --tools A,B      let the model call these tools; %%agent? tells of them and of
                         --max-steps, --budget and --approve
        --kb NAME        answer from this knowledge base, with citations; -k N passages are read
                         and --rerank MODEL orders them; with --tools the model searches itself
        -o NAME          keep the answer in a variable: .text .json .df .usage .cost .messages;
                         with --schema the object itself, a list of them with .df

        Examples::

            %%chat
            What is a context manager?

            %%chat openai/gpt-5.4-mini -t 0 -o answer
            Name three rivers in China.

            %%chat -c report --new
            What stands out in this table? {{ df }}

            %%chat --schema list[City] -o cities
            The five largest cities of Brazil.

            %chat --fix
            answer = %chat -m fast What is 6 times 7?
        """
        if cell is None:
            from ve_magics.magics.agent.chat_tools import chat_line

            return self._run(chat_line, line)
        from ve_magics.magics.agent.chat_tools import chat

        return self._run(chat, line, cell)

    @no_var_expand
    @cell_magic
    def agent(self, line: str, cell: str) -> None:
        """Let a model work with tools, step by step, until it has the answer.

        usage: %%agent [MODEL] [-m MODEL] [--tools A,B] [--kb NAME] [--agents A,B] [--team]
                       [--max-steps N] [--budget USD] [--approve ask|auto] [-c NAME] [--new]
                       [-s SYSTEM] [-t T] [--max-tokens N] [--param K=V] [-f FORMAT] [--schema NAME]
                       [--fix] [--raw] [--image PATH] [--file PATH] [--fresh] [--no-cache]
                       [--dry-run] [--timeout S] [--no-fallback] [-o NAME]

        --tools A,B      what it may call: functions of the notebook, generate_video,
                         generate_image, fetch_url, python, and [mcp.NAME] servers;
                         where left out, the functions that @ve_magics.tool marks
        --kb NAME        let it search this knowledge base
        --agents A,B     let it hand work to these agents: text, film, documents, data, and yours
        --team           let it hand work to all of them
        --max-steps N    at most so many questions to the model (12)
        --budget USD     what the whole run may cost
        --approve ask    you say yes to each call that costs money or has effects
        --approve auto   the cell says it in advance for the tools that it names
        -c NAME          go on with this conversation (%ve conversation)
        -o NAME          keep the answer: .text .steps .calls .messages .cost .usage .df

        The other flags are those of %%chat.

        Examples::

            %%agent --tools weather,book_table
            Find a dry evening in Lyon this week and book a table for two.

            %%agent --team --kb handbook --approve auto --budget 2
            What does the handbook say about trains? Make a short film of it.
        """
        from ve_magics.magics.agent.cell import agent

        self._run(agent, line, cell)

    @no_var_expand
    @cell_magic
    def ask(self, line: str, cell: str) -> None:
        """Answer a question from the user's documents; each statement leads to its source.

        usage: %%ask KB [MODEL] [-m MODEL] [-c NAME] [--new] [-k N] [--rerank MODEL] [-s SYSTEM]
                     [-t T] [--max-tokens N] [--param K=V] [--raw] [--fresh] [--no-cache]
                     [--dry-run] [--timeout S] [--no-fallback] [-o NAME]

        KB is a knowledge base: %ve kb add KB PATHS. A citation whose words are not in its passage is
        marked ⚠. With -c a follow-up question is looked for as what it means in the conversation.

        -k N             passages that are read; 8 where left out
        --rerank MODEL   a model that puts what was found in order; off for none
        -o NAME          keep the answer in a variable: .text .citations .sources .passages .verified

        The other flags are those of %%chat.

        Examples::

            %%ask manuals
            How is the pump switched off in an emergency?
        """
        from ve_magics.magics.knowledge.ask import ask

        self._run(ask, line, cell)

    @no_var_expand
    @cell_magic
    def compare(self, line: str, cell: str) -> None:
        """Ask several models the same at once; their answers stand side by side in one output.

        usage: %%compare MODEL MODEL ... [-s SYSTEM] [-t T] [--max-tokens N] [--param K=V]
                         [-f FORMAT] [--schema NAME] [--fix] [--raw] [--image PATH] [--file PATH]
                         [--fresh] [--no-cache] [--dry-run] [--timeout S] [--no-fallback] [-o NAME]

        The flags are those of %%chat and hold for every model. One that fails does not spoil the
        others; the cell fails if all do. It belongs to no conversation.

        -o NAME          keep the answers in a variable: NAME["provider/model"] .df .errors .seconds

        Examples::

            %%compare sim/tutor sim/thinker -o both
            What is a context manager?
        """
        from ve_magics.magics.chat.compare import compare

        self._run(compare, line, cell)

    @no_var_expand
    @cell_magic
    def video(self, line: str, cell: str) -> None:
        """Make a video; it plays in the cell and lies beside the notebook.

        usage: %%video [MODEL] [-m MODEL] [--seconds N] [--size WxH] [--image PATH] [--last PATH]
                       [--remix CLIP] [--extend CLIP] [--seed N] [--param K=V] [--count N]
                       [--no-expand] [--raw] [--draft] [--background] [--fresh]
                       [--dry-run] [--timeout S] [--embed] [-o NAME]

        MODEL is a route, an alias or provider/name; the default where left out (%ve shows it).

        --seconds N      length
        --size WxH       pixels, such as 1280x720
        --image PATH     the picture that it begins with: path, URL or variable
        --last PATH      the picture that it ends with
        --remix CLIP     change this clip (a variable, a file or a job); the cell says how
        --extend CLIP    go on where this clip ends; both are joined
        --seed N         makes a result repeatable where the model can
        --param K=V      any other setting: aspect=16:9, resolution=720p
        --count N        so many videos of the same prompt, side by side
        --no-expand      send the prompt as it stands; else a chat model writes it out as a shot
        --raw            take the prompt as it stands, {{ }} included
        --draft          write the director's prompt into the next cell to be edited; make nothing
        --background     end the cell at once; the video appears in it when it is made
        --fresh          make it again although it is there
        --dry-run        show what would be made and what it would cost, and make nothing
        --timeout S      stop waiting after so many seconds; the job goes on
        --embed          put the video into the notebook, up to a size limit
        -o NAME          keep the clip in a variable: .path .prompt .directed .duration .size .cost

        Examples::

            %%video --seconds 4
            A paper boat drifts down a rainy street.
        """
        from ve_magics.magics.video.cell import video

        self._run(video, line, cell)

    @no_var_expand
    @cell_magic
    def storyboard(self, line: str, cell: str) -> None:
        """Make several shots side by side and join them into one film.

        usage: %%storyboard [MODEL] [-m MODEL] [--shots N] [--seconds N] [--size WxH] [--seed N]
                            [--param K=V] [--limit N] [--budget USD] [--no-expand] [--raw]
                            [--fresh] [--dry-run] [-o NAME]

        The cell holds a story, which a chat model divides into shots, or a list of shots: a line
        each that begins with - or a number; (4 s) in front is a shot's own length. What stands
        before the list holds for all shots. Running the cell again makes only what isn't there.

        --shots N        into so many shots a story is divided; 3 where left out
        --seconds N      length of each shot
        --size WxH       pixels, such as 1280x720
        --seed N         makes a result repeatable where the model can
        --param K=V      any other setting: aspect=16:9, resolution=720p
        --limit N        so many shots are made at the same time; 4 where left out
        --budget USD     refuse the film where it could cost more
        --no-expand      send each shot as it stands; else a chat model writes it out
        --raw            take the cell as it stands, {{ }} included
        --fresh          make every shot again although it is there
        --dry-run        show the shots and what they would cost, and make nothing
        -o NAME          keep the film in a variable: .path .sheet .clips .shots .cost .duration

        Examples::

            %%storyboard --seconds 4 -o film
            A lighthouse keeper in the 1920s, warm film grain.
            - He climbs the stairs at dawn.
            - (6 s) A storm breaks over the tower.
        """
        from ve_magics.magics.video.storyboard import storyboard

        self._run(storyboard, line, cell)

    @no_var_expand
    @cell_magic
    def batch(self, line: str, cell: str) -> None:
        """Ask the same of every row of a table or list, or film every row.

        usage: %%batch ROWS [-m MODEL] [-s SYSTEM] [-t T] [--max-tokens N] [--param K=V]
                       [--schema NAME] [--limit N] [--budget USD] [--video] [--seconds N]
                       [--size WxH] [--seed N] [--no-expand] [--fresh] [--dry-run]
                       [--timeout S] [--no-fallback] [-o NAME]

        ROWS is a DataFrame, a list or a dict of columns, as a variable or an expression without
        spaces. {{ row }} in the prompt is the row, {{ row.name }} one of its fields. Without a
        prompt each row is one. A row that fails spoils no other; running the cell again asks only
        for what is missing, also after a restart.

        -m MODEL         a route, an alias or provider/name; the default where left out
        -s SYSTEM        a system prompt
        -t T             temperature; 0 is the steadiest
        --max-tokens N   upper bound of each answer in tokens
        --param K=V      any other setting: top_p=0.9, seed=7, effort=low
        --schema NAME    what each answer must fit; its fields become columns
        --limit N        so many at the same time; 8 where left out, 4 videos
        --budget USD     ask nothing that could make the batch cost more
        --video          film each row; with --seconds, --size, --seed and --no-expand of %%video
        --fresh          ask again although answers are known
        --dry-run        show the first prompts and what all could cost, and send nothing
        --timeout S      give up on a row after so many seconds
        --no-fallback    ask the first target only
        -o NAME          keep the results: a DataFrame, or a list of dicts without pandas

        Examples::

            %%batch reviews --schema Opinion -o rated
            What does this customer think? {{ row.text }}
        """
        from ve_magics.magics.batch.cell import batch

        self._run(batch, line, cell)

    @no_var_expand
    @line_magic
    def ve(self, line: str) -> Any:
        """Show and change what is in use.

        %ve                   model, provider, key, spending, cache, jobs, and why each holds
        %ve models [PROVIDER] what can be asked now
        %ve use MODEL         choose the default until the kernel ends
        %ve key PROVIDER      type a key; it is not shown and not saved in the notebook
        %ve usage             what was spent: --by model|provider|notebook|day|kind
                              --since DAYS | --all
        %ve budget [AMOUNT]   what this notebook may spend, in US dollars; off lifts it
        %ve cache [clear]     the answers of this session
        %ve conversation      list | show | use | fork | export | drop
        %ve kb                the knowledge bases: list, add NAME PATHS, update, show, search, drop
        %ve jobs [ORDER ID]   the videos: show, resume, cancel, settle, retry, forget
        %ve panel [NAME]      chat in a panel, going on with a conversation: -m MODEL | -s SYSTEM
        %ve gallery           the notebook's videos as cards: play, compare, cancel
        %ve background        what goes on while other cells run; stop NUMBER | stop all
        %ve wait              wait for all of it
        %ve last              the last answer as an object
        %ve record [NAME]     write every answer beside the notebook
        %ve recording         what is in the recording and what changed; prune drops what was not used
        %ve replay            answer from the recording only; no key, no network
        %ve live              stop recording or replaying
        %ve reload            read the configuration anew
        %ve doctor            look for what is wrong
        """
        from ve_magics.magics.status import ve

        return self._run(ve, line)

    def _run(self, magic: Any, *arguments: str) -> Any:
        from ve_magics.errors import VeError
        from ve_magics.magics.failure import CellError

        self.notebook.failed = self._failed
        try:
            return magic(self.notebook, *arguments)
        except VeError as error:
            raise CellError(error) from None
        except KeyboardInterrupt as interrupt:
            interrupt._render_traceback_ = _stopped  # type: ignore[attr-defined]  # what IPython asks for
            raise

    def remember(self, result: Any) -> None:
        """Remember a cell of the user's own that failed, and its source, for `--fix`."""
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, Exception) and not hasattr(error, "_render_traceback_"):
            self._failed = (error, str(getattr(result.info, "raw_cell", "") or ""))

    def complete(self, shell: Any, event: Any) -> list[str]:
        """Return what the Tab key offers on a line of ours."""
        from ve_magics.magics.completion import completer

        return completer(lambda: self.notebook)(shell, event)

    def unload(self) -> None:
        """Close what is open."""
        if self._notebook is not None:
            self._notebook.close()
            self._notebook.portal.close()


def _stopped() -> list[str]:
    """Return what IPython shows for an interrupt instead of a traceback through us."""
    return ["KeyboardInterrupt: the cell was stopped."]
