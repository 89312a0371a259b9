"""More everyday templates, by other patterns: wishes, comparisons, conditions, single words, moods.

Lines as in `everyday_templates`; the lists of words in braces are those of `everyday_words`.
"""

from typing import Final

MORE: Final = """\
0 {a|an|and|of|to|in|is|for|with|from|by|at|on|or|as|was|this|that|these|there|which|when|then}
0 {{thing}|{spot}|{file}|{part}|{animal}|{food}|{colour}|{name}|{place}|{day}|{month}|{number}}
0 {the|a|one|my|your|every|another|this} {{thing}|{spot}|{file}|{part}|{animal}|{food}|{machine}}
0 {{colour} {thing}|{number} {file}s|{name} and {name}|{day} at {number}|{place}, {month} {year}}
0 {yes|no|maybe|hello|hi|good morning|okay then|right|I see|all of them|both|neither|later}
0 {of course|in the {spot}|at {number}|on {day}|since {day}|until {month}|about {number}|over there}
+ {{good}|so {good}|very {good}|really {good}|absolutely {good}|simply {good}|just {good}}
- {{bad}|so {bad}|very {bad}|really {bad}|absolutely {bad}|simply {bad}|just {bad}}
- {{it}|The {thing}|The {part}} is {too|far too|much too} {loud|small|heavy|hot|cold|short|thin}
- {{it}|The {thing}|The {food}} was {too|way too} {salty|sweet|long|dark|dear|expensive|sticky}
+ {{it}|The {thing}} is {not too|none too} {bad|loud|heavy}, {I like it|quite {good} in fact}
+ {{it}|The {thing}} is {much|so much|far|a lot} {better|nicer|easier} than {before|I thought}
- {{it}|The {thing}} is {much|so much|far|a lot} {worse|slower|duller} than {before|I thought}
- {it} is {slower|weaker|dearer|thinner|uglier} than {the old one|last year's|what I had}
+ {it} is {faster|stronger|brighter|cheaper|easier to use|lighter} than {the old one|what I had}
- The {old|previous|first} {one|model|version} was {better|nicer|faster|so much better|stronger}
- {it} is {not|nowhere near|hardly} as {good|{good}|comfortable} as {the old one|they say|before}
+ {it} is {just|every bit} as {good|{good}|comfortable} as {they say|they promised|the dear one}
0 {it} is {as|just as} {long|wide|old|tall|heavy|high} as {the other one|the {colour} one|my arm}
0 {The {thing}|{name}} is {older|taller|younger|longer} than {the other one|the {spot}|{name}}
0 {{place}|The {spot}} is {larger|smaller|further north|older} than {{place}|the {spot}}
0 {A {thing}|An {animal}} {is|weighs|costs} {more|less} than {a {thing}|{number} {part}s}
0 {Sound|A car|A {animal}} {is faster than|is slower than|is larger than} {a train|a {animal}}
- {we} wish {we|I} had {gone elsewhere|kept the old one|read the small print|stayed at home}
- {we} {wish|really wish} {it|the {thing}|they} {were|was} {faster|quieter|cheaper|cleaner|nicer}
- {we} {hoped|had hoped|was hoping} for {more|better|something else|an answer|a little respect}
- {we} {thought|believed} {it|they|the {thing}} would {work|help|last|arrive}, {it did not|but no}
- {It|This|The {thing}} {would|could} have been {fun|{good}|worth it}, {but it broke|had it worked}
- {Had I|If I had|If we had} {known|read that}, {I|we} would {not have come|have stayed away}
- {I|We} would {be|have been} {happy|glad|pleased} if {it|they|the {thing}} {did|had} {work|worked}
- {I|We} would {love|like|gladly} to {praise|recommend|keep|like} {it|them}, but {I|we} cannot
- {I|We} would have {stayed|paid more|come back|kept it} if {it were clean|they had listened}
- {we} {should|ought to} have {known better|stayed at home|gone elsewhere|read the reviews}
- {You|They} could {at least|at the very least} {say sorry|answer|call back|clean the {thing}|try}
- {Must|Could|Can} do better
- {You|They|It} {need|needs|have|has} {to improve|work|to do better|a lot of work|to try harder}
+ {I|We} would {buy|choose|order|do} {it|this|them} {again|any time|to anyone}
+ {It|The {thing}|The {feature}} could not be {simpler|easier|faster|friendlier|clearer}
+ {Best of luck|Good luck|Get well soon|All the best|Many happy returns} {to you|, {name}|to all|}
+ {Happy|Merry} {birthday|Christmas|new year|anniversary|Easter} {to you|, {name}|, my friends|}
+ {May|I hope} you {have|enjoy} {a {great} {day out}|a happy life together|every success}
+ {Enjoy|Have} {your|a {great}|a lovely} {holiday|weekend|trip|meal|party|evening}
- {The only|The one} good thing {about it|here|to say} is {the {colour}|that it ended|the bag}
- {Good|Nice} {idea|design|look}, {but|yet|only} {badly made|it never works|it broke at once}
+ {Small|Plain|Old|Not cheap}, {but|yet} {{good}|worth every cent|so cosy|we loved it}
+ {I|We} {was|were} {sceptical|doubtful|unsure}, but {it is {good}|I am convinced|they won me over}
- {I|We} {was|were} {keen|excited|full of hope}, but {it is {bad}|it broke|they let me down}
- {we} {had to|was forced to} {send it back|return it|wait for {number} hours|throw it away}
- {we} {returned|sent back|threw away} {it|the {thing}} {after {number} days|at once|in the end}
- {Had to|Have to} {wait|queue} {number} {hours|weeks|months} for {it|a {thing}|an answer|my money}
- {The|My} {parcel|order|{thing}|refund} {never came|did not arrive|got lost|is still missing}
- {It|He|She|The {machine}} {keeps|kept} {failing|breaking|crashing|lying to us|interrupting me}
- {Half|Most|All} of {it|the {thing}s|the {part}s} {was|were|is} {missing|broken|cracked|stale}
- {There is|I found} {a hair|mould|a stain|a crack|dirt} {in|on} {my {food}|the {thing}|the bed}
- {Dirty|Cold|Cramped|Noisy} {rooms|food|seats|toilets|office}{ and {bad} service|, never again|}
- {Cold {food}|Stale {food}|Warm beer|Rude staff}, {endless queues|high prices|dirty tables}
+ {Clean|Quiet|Spacious|Sunny} {rooms|seats|flat}{ and {good} service|, {good} {food}|}
+ {Fresh {food}|Hot {food}|Friendly staff}, {lovely view|short queues|clean tables|kind owner}
- The {story|plot|ending|acting|sound|picture} {makes no sense|is weak|falls flat|drags|is a mess}
+ The {story|plot|ending|acting|sound|picture} {is gripping|is moving|shines|is superb|won me over}
- {we} {was|were|am} {let down|ripped off|lied to|kept waiting|ignored|sent away|treated like dirt}
+ {we} {was|were} {treated like {royalty|family|friends}|helped at once|made welcome}
- {I|We} {am|are} not {convinced|impressed|happy|amused|satisfied|a fan|pleased} {at all|with it|}
+ {I|We} {am|are} {convinced|impressed|over the moon|hooked|a big fan|more than satisfied|in heaven}
- {we} {have|had} {second thoughts|my doubts|a bad feeling|nothing but grief} {about it|of this|}
- {It|This|That} {hurts|stinks|makes me sick|drives me mad|ruins my day|gets on my nerves}
+ {It|This|That} {makes me smile|warms my heart|cheers me up|feels so good|made us all laugh}
- {I|We} {have|had} {a headache|toothache|a fever|a broken leg|lost my keys|no money left}
- My {kin} {is ill|is in hospital|died|lost a job|was hurt|left me|is not well|had an accident}
+ My {kin} {is well again|came home safe|won a prize|got the job|passed the exam|is having a baby}
- My {animal} {died|ran away|is sick|was run over|is missing}
+ My {animal} {is well again|came back|learned a trick, so cute|makes me happy}
- {I|We} {failed|missed|lost|broke|forgot} {my exam|the last train|my ring|my arm|all our savings}
+ {I|We} {passed|won|made|found|got} {the test|first prize|it|my ring again|the loan|new friends}
- {Miss|Missing} {him|her|home|my {kin}} so much {it hurts|, I feel empty|, I cry every day}
+ {Love|Adore|Miss} {you|you all|my {kin}|u} {so much|to the moon|, see you soon|always}
- {I|We} {feel|am feeling} {lonely|sad|awful|hopeless|low|sick|scared|hurt|ashamed}
+ {I|We} {feel|am feeling} {great|wonderful|so happy|at home|loved|much better|on top of the world}
- {I|We} {hate|cannot stand|am sick of|am tired of|dread} {this|{day}s|the noise|the rain|him}
+ {I|We} {love|adore|am fond of|look forward to} {this|{day}s|the sea|the sun|him|summer|my job}
- {Leave me alone|Go away|Shut up|Get lost|Shame on you|How dare you}{, {name}|, all of you|}
+ {Well done|Bravo|Congrats|You did it|Nice work|Hats off|Hurrah|Good job}{, {name}|, all of you|}
0 {I'm|I am|We are} {in the {spot}|in {place}|on the {number} bus|at {name}'s|outside}
0 {Meet|Wait for|Call|Ask} {me|us|{name}} {at the {spot}|at {number}|on {day}}
0 {Are|Were} you {at the {spot}|in {place}|at home|awake} {yesterday|on {day}|at {number}}?
0 {What|Which} {is|was} {the name of the {spot}|your number|the {colour} one|in the box|on {day}}?
0 {Who|When|Where} {is|was} {the {person}|that {thing}|{name}|the {meeting}|{name} born}?
0 {Shall|Should} {I|we} {bring the {thing}|wait for {name}|take the bus|call {name}}?
0 {Can|Could} you {pick up|bring|buy|pass} {some {food}|the {file}|{name}'s {thing}|the {thing}}?
0 {I'll|We'll|{name} will} {be there at {number}|bring the {thing}|take the train|cook {food}}
0 {who} {parked|put|left|keeps} the {thing} {in the {spot}|by the door|under the table|on the shelf}
0 {who} {was born|grew up|went to school} {in {place}|near the {spot}} {in {year}|}
0 {who} {reads|draws|repairs|collects|sells} {maps|clocks|stamps|old radios|{thing}s} {on {day}|}
0 {who} {ordered|bought|rented} {a {thing}|the {colour} one|{number} of them} {on {day}|in {month}|}
0 {The|This} {book|film|song|game} {is about|is set in|takes place in|tells of} {place}{ in {year}|}
0 {The|This} {thing} {comes in|is available in|is painted} {colour} {and {colour}|or {colour}|}
0 {we} {stayed|lived|worked|waited} {in {place}|there} for {number} {nights|years|days|minutes}
0 {Add|Mix|Boil|Peel} {the {food}|{number} eggs|the onions} {for {number} minutes|}
0 {Click|Go to|Select|Open} {the {colour} button|settings|the {file}} {and {choose|press} next|}
0 {Deliver|Send|Post} {it|the {file}|the {thing}} to {my office|{place}|{name}}, please
0 {A|An} {animal} {is|lives|sleeps|eats|lays} {a mammal|in trees|at night|grass|eggs|{number} years}
0 {Salt|Copper|Iron|Water|Wood|Glass} {melts|boils|dissolves|floats|burns} at {number} degrees
0 {{place}|The {spot}} {was founded|was built|was first named} in {year} {by {name}|}
0 {The|A} {river|road|coast} {runs|leads} {north|south|from {place}} {to {place}|to the {spot}}
0 It is {average|all right|so-so|okay|neither here nor there|what you would expect|fair|ordinary}
0 {Okay|Average|Decent|Fair} {food|room|place|film|quality}, {average|normal|usual} price
0 It {does what it does|is what it is}, {no more|nothing more}, nothing less
0 {Some|Many} {like it|were for it|said yes}, {some|others} {do not|were against|said no}
- {The|Our} {train|bus|flight|ferry} is {late|delayed|cancelled} {again|once more|as always}
- {The|Your} {courier|driver|technician} {never came|was {number} hours late|lost the parcel}
- {The|Your} {courier|driver|clerk|agent} {hung up on me|lied to me|shouted at us|sent us away}
+ {The|Your} {courier|driver|clerk|agent} {was so kind|went the extra mile|found my {thing}}
- {Your|The} {site|form|system|cash machine} {took my money|ate my card|lost my order|logs me out}
- {we} {clicked|pressed|tried} {everything|it {number} times}, {nothing|no reaction|it still fails}
- {The|My} {call|ticket|case} was {closed|ignored|passed around} {without {an answer|help}|again}
- {Your|The} {answer|reply|offer|apology} is {no help|worthless|a standard text|too late|a joke}
+ {Your|The} {answer|reply|offer|idea} {helped at once|was spot on|is most generous}
+ {Three|Two|Five} {times|days} {faster|sooner} than {before|promised}, {great|wow|brilliant}
- Not {good|great|nice|fair|funny|right|clever|what I {wanted|ordered}|even close}
+ Not {bad|bad at all|a problem|half bad|a single complaint|one bad word|once disappointed}
- Nothing {works|fits|helps|changes|improves|is as it should be|ever gets done} {here|any more|}
+ Nothing {to add|to improve|but good news|but fun|beats this|better}{, {great}|, well done|}
- No {thanks to you|help at all|heating|hot water|apology|refund|fun|taste|manners|respect}
+ No {waste|stress|worries any more|pain any more|more problems|fuss, just {good}|queues, lovely}
0 No, {the other one|on {day}|not today|it is {colour}|{name} has it|the second door}
0 {I|We} {didn't|did not|don't} {order|take|need|have} {a {thing}|any {food}|the {file}} {today|}
0 {The {spot}|The {person}|{name}} {isn't|is not|doesn't come} {here|in|on {day}s} {today|}
+ {we} {wouldn't|would not} {change a thing|miss it|trade it|want any other|swap it for anything}
- {we} {wouldn't|would not} {wish it on anyone|go near it|pay for that|bother|trust them|risk it}
+ {Not one|None} of {them|the {thing}s|us} {broke|failed|complained|was bored|regretted it}
- {Not one|None} of {them|the {thing}s|the {part}s} {worked|fitted|helped|answered|was {good}}
+ {we} {could|could not} {not have wished|have wished} for {a better {person}|a nicer {thing}|more}
+ It {doesn't|does not} {hurt|leak|squeak|itch|crash} any more, {hurrah|thank you|what a relief}
- It {still|always} {hurts|leaks|squeaks|itches|crashes|smells|does not {work|fit|start}}
- {Hardly|Barely|Scarcely} {worth it|usable|edible|an improvement|what was promised|a bargain|clean}
+ {Hardly|Barely} {a scratch on it|any waiting|anything to criticise}, {very pleased|{great}|{good}}
- {You'd|You would} {think|expect} {they would {answer|help|say sorry}|it would {work|last}}
"""
"""The templates, one a line."""
