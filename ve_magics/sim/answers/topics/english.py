"""What the simulated models know, in English."""

from __future__ import annotations

from ve_magics.sim.answers.topics.article import Article

ENGLISH: dict[str, Article] = {
    "context_manager": Article(
        "Context manager",
        ("context managers", "with statement", "__enter__", "contextlib"),
        "A context manager is an object that sets something up when a `with` block begins and cleans it up when the "
        "block ends, even if an error happens inside.",
        (
            "Its `__enter__` method runs first and its result is what stands after `as`.",
            "Its `__exit__` method always runs at the end, so files are closed and locks released.",
            "`contextlib.contextmanager` makes one from a generator function with a single `yield`.",
        ),
    ),
    "decorator": Article(
        "Decorator",
        ("decorators", "@wraps", "functools.wraps"),
        "A decorator is a function that takes another function and returns a new one, usually with something added "
        "before or after the call.",
        (
            "Writing `@timed` above `def work()` means `work = timed(work)`.",
            "`functools.wraps` keeps the name and docstring of the original function.",
            "Common uses are timing, caching, logging, retries and access checks.",
        ),
    ),
    "list_comprehension": Article(
        "List comprehension",
        ("list comprehensions", "comprehension", "comprehensions"),
        "A list comprehension builds a list from any iterable in a single expression.",
        (
            "Its form is `[expression for item in iterable if condition]`.",
            "It usually reads better, and runs a little faster, than a loop with `append`.",
            "Round brackets instead of square ones give a generator, which holds one item at a time.",
        ),
    ),
    "generator": Article(
        "Generator",
        ("generators", "yield", "lazy iteration"),
        "A generator is a function that hands out values one at a time with `yield` and remembers where it stopped.",
        (
            "Calling it runs nothing yet: the body runs when the first value is asked for.",
            "It holds a single value in memory, so it can walk through files larger than RAM.",
            "It can be used once; a second loop over it finds nothing.",
        ),
    ),
    "lambda": Article(
        "Lambda",
        ("lambda function", "lambda functions", "lambdas", "anonymous function"),
        "A lambda is a small function without a name, written as a single expression.",
        (
            "`lambda x: x * 2` does the same as a `def` that returns `x * 2`.",
            "It is handy as the `key` of `sorted`, `min` and `max`.",
            "Anything longer than one expression is clearer with `def`.",
        ),
    ),
    "exception": Article(
        "Exception handling",
        ("exceptions", "try except", "try/except", "error handling", "try and except"),
        "An exception is how Python reports that something went wrong, and `try` with `except` is how a program "
        "reacts to it.",
        (
            "Catch the narrowest type that you can handle, never everything.",
            "`else` runs when nothing went wrong, `finally` runs in every case.",
            "`raise ... from error` keeps the original cause in the traceback.",
        ),
    ),
    "class": Article(
        "Class",
        ("classes", "object oriented", "object-oriented programming", "oop"),
        "A class describes a kind of object: the data that each one holds and what can be done with it.",
        (
            "`__init__` fills a new object, and `self` is the object itself.",
            "A subclass takes over everything from its parent and changes what differs.",
            "For plain data, `@dataclass` writes `__init__`, `__repr__` and `__eq__` for you.",
        ),
    ),
    "async": Article(
        "Async programming",
        ("asyncio", "async await", "async/await", "coroutine", "coroutines", "asynchronous", "event loop"),
        "Async programming lets one thread wait for many things at once: while one task waits for the network, "
        "another one runs.",
        (
            "`async def` makes a coroutine, and `await` is where it may be paused.",
            "`asyncio.gather` runs several coroutines side by side.",
            "It speeds up waiting, not computing: heavy work still needs threads or processes.",
        ),
    ),
    "recursion": Article(
        "Recursion",
        ("recursive", "recursive function"),
        "Recursion is when a function solves a problem by calling itself on a smaller version of the same problem.",
        (
            "A base case says when to stop; without it the calls never end.",
            "Every other call must come closer to the base case.",
            "Python stops at about 1000 nested calls, so deep recursion is better written as a loop.",
        ),
    ),
    "big_o": Article(
        "Big O notation",
        ("big-o", "big o", "time complexity", "complexity"),
        "Big O notation says how the work of an algorithm grows when its input grows.",
        (
            "$O(1)$ stays the same, $O(\\log n)$ grows slowly, $O(n)$ grows with the input.",
            "Good sorting takes $O(n \\log n)$; comparing all pairs takes $O(n^2)$.",
            "Constant factors are left out, so for small inputs a measurement says more.",
        ),
    ),
    "hash_table": Article(
        "Hash table",
        ("hash map", "hashmap", "dictionary", "dict", "dictionaries"),
        "A hash table finds a value by its key in about constant time, because the key's hash says where it lies.",
        (
            "Python's `dict` and `set` are hash tables.",
            "Keys must be hashable: strings, numbers and tuples are, lists are not.",
            "Two keys may share a place; the table then looks at the next one.",
        ),
    ),
    "binary_search": Article(
        "Binary search",
        ("bisect", "bisection"),
        "Binary search finds a value in a sorted list by halving the range that is left with every look.",
        (
            "It needs at most about $\\log_2 n$ looks: 20 for a million items.",
            "The list must be sorted, otherwise it misses values that are there.",
            "Python has it in the module `bisect`.",
        ),
    ),
    "gradient_descent": Article(
        "Gradient descent",
        ("gradient", "sgd", "stochastic gradient descent", "learning rate"),
        "Gradient descent finds a minimum by taking small steps in the direction in which a function falls fastest.",
        (
            "Each step is $\\theta \\leftarrow \\theta - \\eta \\nabla L(\\theta)$, with the rate $\\eta$.",
            "Too large a rate overshoots, too small a one takes forever.",
            "Stochastic gradient descent uses a few random examples a step, which is cheaper.",
        ),
    ),
    "overfitting": Article(
        "Overfitting",
        ("overfit", "over-fitting", "underfitting", "generalisation", "generalization", "regularization"),
        "Overfitting means that a model has learnt its training data by heart, noise included, and fails on new data.",
        (
            "The sign is a low error in training and a much higher one in validation.",
            "More data, a simpler model, regularisation, dropout and early stopping all help.",
            "Keep a test set that is looked at only once, at the end.",
        ),
    ),
    "machine_learning": Article(
        "Machine learning",
        ("ml", "supervised learning", "unsupervised learning"),
        "Machine learning means that a program finds rules in examples instead of being given them.",
        (
            "Supervised learning has the right answers to learn from, unsupervised learning has none.",
            "The data is split into training, validation and test sets.",
            "Good data helps more often than a cleverer model.",
        ),
    ),
    "neural_network": Article(
        "Neural network",
        ("neural networks", "neural net", "deep learning", "backpropagation", "perceptron"),
        "A neural network is a chain of simple layers, each of which multiplies its input by weights and bends the "
        "result, and whose weights are learnt from examples.",
        (
            "One layer computes $y = f(Wx + b)$ with a nonlinear function $f$.",
            "Backpropagation works out how each weight changed the error.",
            "Many layers can represent very complicated functions, and need much data.",
        ),
    ),
    "transformer": Article(
        "Transformer",
        (
            "transformers",
            "attention",
            "self-attention",
            "large language model",
            "llm",
            "language model",
            "llms",
        ),
        "A transformer is a neural network that lets every token of a text look at every other one to decide what it "
        "means; language models are made of it.",
        (
            "Attention is $\\mathrm{softmax}(QK^T/\\sqrt{d})V$.",
            "A language model predicts the next token, again and again.",
            "All tokens of a prompt are read at once, so training runs well on graphics cards.",
        ),
    ),
    "rag": Article(
        "Retrieval-augmented generation",
        ("rag", "retrieval augmented generation", "vector database"),
        "Retrieval-augmented generation first searches documents for passages that fit a question and then lets a "
        "model answer from them.",
        (
            "Passages are found by keywords, by embeddings, or by both.",
            "The answer cites its passages, so that it can be checked.",
            "New knowledge needs a new document, not new training.",
        ),
    ),
    "embedding": Article(
        "Embedding",
        ("embeddings", "word vector", "vector embedding", "cosine similarity"),
        "An embedding is a list of numbers that stands for the meaning of a text, so that similar texts lie close "
        "together.",
        (
            "Closeness is usually the cosine of the angle between two vectors.",
            "Search, clustering and recommendations are built on it.",
            "Vectors of two different models can't be compared.",
        ),
    ),
    "pandas": Article(
        "pandas",
        ("dataframe", "data frame", "dataframes"),
        "pandas is Python's library for tables: a `DataFrame` has named columns and works on whole columns at once.",
        (
            "`pd.read_csv` reads a file, `df.head()` shows its first rows.",
            "`df.groupby('city')['price'].mean()` answers a question in one line.",
            "Work on columns instead of looping over rows: it is far faster.",
        ),
    ),
    "numpy": Article(
        "NumPy",
        ("ndarray", "numpy array", "broadcasting", "vectorization"),
        "NumPy gives Python fast arrays of numbers and mathematics on whole arrays.",
        (
            "`a + b` adds arrays element by element, without a loop.",
            "Broadcasting stretches smaller shapes to fit larger ones.",
            "Most scientific libraries of Python are built on it.",
        ),
    ),
    "http": Article(
        "HTTP",
        ("https", "http request", "rest api", "rest", "status code", "web request"),
        "HTTP is the protocol of the web: a client sends a request with a method and a path, and a server answers "
        "with a status, headers and a body.",
        (
            "`GET` reads, `POST` creates, `PUT` replaces and `DELETE` removes.",
            "Statuses of 200 mean success, 300 elsewhere, 400 the client's mistake and 500 the server's.",
            "HTTPS is the same, encrypted with TLS.",
        ),
    ),
    "sql_join": Article(
        "SQL join",
        ("join", "joins", "sql joins", "inner join", "left join", "sql"),
        "A SQL join puts rows of two tables side by side where a condition holds, usually where their keys are equal.",
        (
            "`INNER JOIN` keeps only rows that have a partner.",
            "`LEFT JOIN` keeps all rows of the left table and fills missing partners with NULL.",
            "An index on the joined column keeps it fast.",
        ),
    ),
    "regex": Article(
        "Regular expression",
        ("regular expressions", "regexp", "regexes"),
        "A regular expression is a pattern that describes which texts match.",
        (
            "`\\d` is a digit, `\\w` a letter, digit or underscore, `.` any character.",
            "`*` means any number of times, `+` at least once, `?` at most once.",
            "Round brackets catch a part of the match for later use.",
        ),
    ),
    "git": Article(
        "Git",
        ("version control", "git branch", "git commit", "merge conflict"),
        "Git keeps the history of a project: every commit is a snapshot that you can go back to.",
        (
            "`git add` chooses what goes in, `git commit` takes the snapshot.",
            "A branch is a line of work of its own, joined again with `git merge`.",
            "`git push` and `git pull` exchange commits with others.",
        ),
    ),
    "docker": Article(
        "Docker",
        ("container", "containers", "dockerfile"),
        "Docker packs a program with everything that it needs into an image, which runs the same on every machine.",
        (
            "A container is a running image, separated from the rest of the system.",
            "The Dockerfile says step by step how an image is built.",
            "Containers share the machine's kernel, so they start within a second.",
        ),
    ),
    "jupyter": Article(
        "Jupyter notebook",
        ("jupyter", "jupyterlab", "notebook", "ipython", "magic command"),
        "A Jupyter notebook is a document of cells with text, code and the results of that code.",
        (
            "The code runs in a kernel, which remembers variables between cells.",
            "Magics such as `%timeit` and `%%chat` add commands that Python doesn't have.",
            "Run all cells from the top before you share it, so that the results fit the code.",
        ),
    ),
    "derivative": Article(
        "Derivative",
        ("derivatives", "differentiation", "calculus", "differentiate"),
        "The derivative of a function says how fast it changes at each point: the slope of its tangent.",
        (
            "It is defined as $f'(x) = \\lim_{h \\to 0} \\frac{f(x+h) - f(x)}{h}$.",
            "For a power, $\\frac{d}{dx} x^n = n x^{n-1}$.",
            "Where it is zero, the function may have a maximum or a minimum.",
        ),
    ),
    "pythagoras": Article(
        "Pythagorean theorem",
        ("pythagoras", "pythagorean", "right triangle", "hypotenuse"),
        "In a right triangle the square of the longest side equals the sum of the squares of the other two.",
        (
            "As a formula: $a^2 + b^2 = c^2$.",
            "The best known example is 3, 4, 5, since $9 + 16 = 25$.",
            "It gives the distance between two points: $\\sqrt{(x_2-x_1)^2 + (y_2-y_1)^2}$.",
        ),
    ),
    "bayes": Article(
        "Bayes' theorem",
        ("bayes", "bayes theorem", "bayesian", "conditional probability"),
        "Bayes' theorem says how a belief changes when new evidence comes in.",
        (
            "As a formula: $P(A \\mid B) = \\frac{P(B \\mid A)\\,P(A)}{P(B)}$.",
            "A good test for a rare disease still gives mostly false alarms, because the disease is rare.",
            "Spam filters and medical diagnosis are built on it.",
        ),
    ),
    "standard_deviation": Article(
        "Standard deviation",
        ("variance", "normal distribution", "std", "mean and median"),
        "The standard deviation says how far values usually lie from their mean.",
        (
            "It is $\\sigma = \\sqrt{\\frac{1}{n}\\sum (x_i - \\mu)^2}$, the root of the variance.",
            "In a normal distribution about 68 % of all values lie within one standard deviation.",
            "It has the same unit as the values themselves.",
        ),
    ),
    "photosynthesis": Article(
        "Photosynthesis",
        ("chlorophyll", "plants make food"),
        "Photosynthesis is how plants make sugar and oxygen out of water, carbon dioxide and sunlight.",
        (
            "As a formula: $6\\,CO_2 + 6\\,H_2O \\rightarrow C_6H_{12}O_6 + 6\\,O_2$.",
            "It takes place in the chloroplasts, where chlorophyll catches the light.",
            "Nearly all food, and the oxygen that we breathe, comes from it.",
        ),
    ),
    "black_hole": Article(
        "Black hole",
        ("black holes", "event horizon", "singularity"),
        "A black hole is a place where gravity is so strong that nothing, not even light, can get out.",
        (
            "Its edge is the event horizon, with the radius $r_s = 2GM/c^2$.",
            "Many form when a heavy star runs out of fuel and collapses.",
            "A giant one of four million suns lies at the centre of the Milky Way.",
        ),
    ),
    "gravity": Article(
        "Gravity",
        ("gravitation", "newton's law", "general relativity"),
        "Gravity is the attraction between all things that have mass.",
        (
            "Newton's law says $F = G\\,\\frac{m_1 m_2}{r^2}$.",
            "Einstein describes it as a bending of space and time.",
            "On Earth everything falls with $9.8\\,m/s^2$, whatever its weight.",
        ),
    ),
    "rainbow": Article(
        "Rainbow and blue sky",
        ("rainbow", "rainbows", "sky blue", "blue sky", "rayleigh scattering"),
        "The colours of the sky come from sunlight being bent and scattered: drops of rain spread it into a rainbow, "
        "and air scatters blue light the most.",
        (
            "Scattering by air grows as $1/\\lambda^4$, so short blue waves go everywhere.",
            "At sunset the light travels so far through air that only red is left.",
            "A rainbow stands opposite the sun, at an angle of about 42 degrees.",
        ),
    ),
    "dna": Article(
        "DNA",
        ("genes", "genetics", "double helix"),
        "DNA is the molecule that carries the building plan of every living thing.",
        (
            "It is a double helix of four bases: A pairs with T, and C with G.",
            "A gene is a stretch of it that describes one protein.",
            "Each human cell holds about two metres of it.",
        ),
    ),
    "water_cycle": Article(
        "Water cycle",
        ("evaporation", "how rain forms", "why does it rain", "rain"),
        "The water cycle is the way of water from the sea to the sky, to the land and back.",
        (
            "The sun makes water evaporate, and plants give off more of it.",
            "As the vapour rises it cools and becomes clouds.",
            "It falls as rain or snow and flows back through rivers and the ground.",
        ),
    ),
}
"""Every topic, by the name that both languages share."""
